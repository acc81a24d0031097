// A child for child.test.ts: says what it was asked to say, then waits to be stopped, or fails.
const [, , mode, text] = process.argv;
console.log(JSON.stringify({ text }));
if (mode === 'fail') {
  console.error('something broke');
  process.exitCode = 3;
} else if (mode === 'wait') setInterval(() => {}, 1000);
