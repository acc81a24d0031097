/**
 * `hanse <args>` in a process that says what it took when it is over: `audit-process.js <args>` ends its output with a line
 * `{"exitCode", "peakBytes", "cpuSeconds"}`.
 */
import { writeSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

process.on('exit', (exitCode) => {
  const { user, system } = process.cpuUsage();
  const peakBytes = 1024 * process.resourceUsage().maxRSS;
  writeSync(1, `${JSON.stringify({ exitCode, peakBytes, cpuSeconds: (user + system) / 1e6 })}\n`);
});
const frontDoor = new URL('../../bin/hanse.js', import.meta.url);
process.argv.splice(1, 1, fileURLToPath(frontDoor));
await import(frontDoor.href);
