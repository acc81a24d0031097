// A process for ledger-kill.test.ts to kill: it appends to a ledger, several jobs at once, and prints one line for each
// acknowledgement before the next step begins, so that a kill cannot lose it.
import { writeSync } from 'node:fs';
import { ledgerFile } from '../../dist/client/ledger-file.js';
import { PrivacyLedger } from '../../dist/client/privacy-ledger.js';
import { Secret } from '../../dist/protocol/secret.js';

const print = (...words) => writeSync(1, `${words.join(' ')}\n`);
const JOBS = 6;

const [identity, life] = process.argv.slice(2);
const ledger = new PrivacyLedger({
  store: ledgerFile(identity),
  key: new Secret(new Uint8Array(32).fill(7)),
  clock: { now: () => Date.now() },
  onTorn: (bytes) => print('torn', bytes),
});
const useId = (n) => `job-${n.toString(16).padStart(16, '0')}`;

await ledger.setBudget({
  dataSet: 'patients',
  unit: 'example',
  neighbouring: 'replace-special',
  microEpsilon: 1_000_000,
  delta: 1e-5,
  units: 1000,
  setBy: 'the test',
});

/** Jobs of many lives share the budget; each life has jobs of its own beside one of all lives. */
const run = async (n) => {
  const id = useId(n);
  try {
    await ledger.reserve({
      useId: id,
      manifestSha256: null,
      name: 'a job',
      purpose: 'research',
      author: null,
      dataSet: 'patients',
      unit: 'example',
      neighbouring: 'replace-special',
      event: { type: 'gaussian', noiseMultiplier: 60 },
      rounds: 3,
    });
    print('reserved', id);
  } catch (error) {
    print('refused', error.code);
  }
  for (let round = 1; round <= 4; round += 1) {
    try {
      await ledger.draw({ useId: id, round, attempt: 1 });
      print('drawn', id, round);
    } catch (error) {
      print('refused', error.code);
    }
  }
  if (n % 2 === 1) {
    await ledger.settle({ useId: id }).catch(() => {});
    print('settled', id);
  }
};

for (let turn = 0; ; turn += 1)
  await Promise.all(
    Array.from({ length: JOBS }, (_, k) => run(k === 0 ? 0 : Number(life) * 1000 + turn * JOBS + k)),
  );
