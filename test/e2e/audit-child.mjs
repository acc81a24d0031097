// A process for audit-kill.test.ts to kill: it appends to an audit log, and prints one line for each acknowledgement
// before the next append begins; with `notes` as the last argument it notes something beside each append. It kills
// itself at a named moment of its n-th transaction:
//   before    the checkpoint is signed, nothing is written
//   within    all rows are written, the transaction is not committed
//   after     it is committed, and nobody was told
//   failing   the commit fails; persisting: it reports a failure, but is durable - in both cases the process goes on
import { writeSync } from 'node:fs';
import { verifierKey } from '../../dist/protocol/audit/verifier-key.js';
import { primitives } from '../../dist/protocol/primitives/node.js';
import { HanseError } from '../../dist/protocol/problem.js';
import { AuditLog } from '../../dist/server/audit-log.js';
import { LoggedNotes } from '../../dist/server/audit-notes.js';
import { AuditFile } from '../../dist/server/store/audit-file.js';

const [path, moment, turn, notes] = process.argv.slice(2);
const print = (...words) => writeSync(1, `${words.join(' ')}\n`);
const die = () => process.kill(process.pid, 'SIGKILL');
const fail = (reason) => {
  throw new HanseError('storageFailed', { path, reason });
};

let transactions = 0;
const { grow } = AuditFile.prototype;
AuditFile.prototype.grow = function (growth) {
  transactions += 1;
  const isNow = transactions === Number(turn);
  if (!isNow) return grow.call(this, growth);
  if (moment === 'before') die();
  if (moment === 'failing') fail('planted');
  if (moment !== 'within') grow.call(this, growth);
  // The last rows of a transaction are those of cursors: this one is read when all others are written.
  else
    grow.call(this, {
      ...growth,
      cursors: [
        {
          source: 'x',
          get position() {
            die();
            return 1;
          },
        },
      ],
    });
  if (moment === 'after') die();
  fail('planted, and durable nevertheless');
};

const signer = await primitives.signer(new Uint8Array(32).fill(7));
const file = new AuditFile(path);
const log = await AuditLog.open(file, {
  key: await verifierKey('hanse.example/log', 'note', signer.publicKey),
  signer,
});
const from = file.cursor('store');
print('opened', log.size, from);

const noted = new LoggedNotes({
  log,
  clock: { now: () => Date.now() },
  coordinatorKey: '0'.repeat(64),
  random: primitives.random,
});
/** Two at once, each with a name that no other has. */
async function noteBeside(position) {
  const names = [`${moment} ${turn} ${position} a`, `${moment} ${turn} ${position} b`];
  const recorded = names.map((software) =>
    noted.record({ type: 'admin.started', data: { software, origin: 'x' } }).then(
      () => print('noted', software),
      (error) => print('refused', software, error.code),
    ),
  );
  await Promise.all(recorded);
}

// Events of a store, each to be in the log once: position p is the entry "event p".
for (let position = from + 1; position <= from + 12; position = file.cursor('store') + 1) {
  const positions = [position, position + 1, position + 2];
  const entries = positions.map((one) => ({ bytes: Buffer.from(`event ${one}`) }));
  const beside = notes === 'notes' ? noteBeside(position) : undefined;
  try {
    const first = await log.append(entries, { source: 'store', position: position + 2 });
    for (const [k, one] of positions.entries()) print('appended', one, first + k);
  } catch (error) {
    print('refused', position, error.code);
  }
  await beside;
}
die();
