// Known faults of the packages that Hanse is made of or built with, as the registry lists them (`npm audit`): high and
// critical ones fail. Whoever cannot ask has not been told that there are none: that is a failure of its own, 2.
//
//     npm run audit:deps
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const FAILING = ['high', 'critical'];

/** @param output of `npm audit --json` */
export function verdictOf(output) {
  let told;
  try {
    told = JSON.parse(output);
  } catch {
    return { status: 2, lines: ['npm audit gave no answer: nothing is known'] };
  }
  const counts = told.metadata?.vulnerabilities;
  if (told.error || told.message || !counts || !told.vulnerabilities) {
    const why = told.error?.summary || told.error?.code || told.message || 'no reason was given';
    return { status: 2, lines: [`the registry could not be asked, so nothing is known: ${why}`] };
  }
  const found = Object.values(told.vulnerabilities).filter(({ severity }) => FAILING.includes(severity));
  const lines = found.map(({ name, severity, range }) => `${severity}: ${name} ${range}`);
  const lesser = counts.total - found.length;
  if (found.length > 0) return { status: 1, lines };
  return { status: 0, lines: [`no fault of high severity is known; lesser ones: ${lesser}`] };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const cli = process.env.npm_execpath; // set by `npm run`
  const [command, before] = cli ? [process.execPath, [cli]] : ['npm', []];
  const { stdout } = spawnSync(command, [...before, 'audit', '--json'], {
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
    shell: !cli && process.platform === 'win32',
  });
  const { status, lines } = verdictOf(stdout ?? '');
  for (const line of lines) console[status === 0 ? 'log' : 'error'](line);
  process.exit(status);
}
