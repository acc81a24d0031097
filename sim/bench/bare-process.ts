/**
 * The least that a process of Node can do: says a word and ends.
 */
process.stdout.write(`${JSON.stringify({ ready: true })}\n`);
