/**
 * `hanse doctor`: what this machine can do, whether its coordinator can be reached, and what to do about what is missing.
 */
import { dirname } from 'node:path';
import { candidates } from '#primitives';
import { systemClock } from '../../protocol/primitives/system-clock.ts';
import { HanseError } from '../../protocol/problem.ts';
import { selfTest } from '../../protocol/secagg/self-test.ts';
import { SOFTWARE } from '../../protocol/versions.ts';
import { type CommandIo, defineCommand } from '../../schemas/command.ts';
import { readCa } from '../ca-file.ts';
import { coordinatorFindings } from '../doctor/coordinator.ts';
import { cryptography } from '../doctor/cryptography.ts';
import type { Finding } from '../doctor/finding.ts';
import { keys } from '../doctor/keys.ts';
import { disk, exampleData, memory, nodeVersion, providers } from '../doctor/machine.ts';
import type { Identity } from '../identity.ts';
import { askPassphrase, type PassphraseSource } from '../passphrase.ts';
import { CA_OPTION } from './ca-option.ts';
import { PASSPHRASE_OPTION } from './identity-options.ts';
import { checkedProxy, PROXY_OPTION, type ProxyOptions } from './proxy-option.ts';

interface DoctorOptions extends ProxyOptions, PassphraseSource {
  readonly server?: string;
  readonly identity?: string;
  readonly ca?: string;
}

export const doctorCommand = defineCommand<DoctorOptions>({
  summary: 'check what this machine can do, and whether a coordinator can be reached',
  options: [
    { flags: '--server <url>', description: 'a coordinator to reach, e.g. http://127.0.0.1:8790' },
    {
      flags: '--identity <file>',
      description: 'the key of a node: that is checked, and its coordinator reached',
    },
    CA_OPTION,
    PROXY_OPTION,
    PASSPHRASE_OPTION,
  ],
  examples: [
    ['hanse doctor', 'this machine'],
    ['hanse doctor --server http://127.0.0.1:8790', 'and the way to a coordinator'],
    ['hanse doctor --identity .hanse/node/identity.json', 'and whether it still knows this node'],
  ],
  async run({ options }, io) {
    const { server, identity: file } = options;
    const origin = server === undefined ? undefined : originOf(server);
    checkedProxy(options);
    const read = file === undefined ? undefined : await keys(file, askPassphrase(options));
    const identity = read?.identity;
    const { report } = await selfTest(candidates, () => performance.now());
    const findings = [
      nodeVersion(process.versions.node),
      await disk(file !== undefined && identity ? dirname(file) : '.'),
      memory(),
      cryptography(report),
      ...(await providers()),
      await exampleData(),
    ];
    if (read) findings.push(read.finding);
    const toReach = origin ?? identity?.server;
    if (toReach !== undefined) findings.push(...(await wayTo(toReach, identity, options, io)));
    for (const finding of findings) tell(finding, io);
    const failed = findings.find((finding) => finding.needed && !finding.ok);
    if (failed) throw new HanseError('checkFailed', { check: failed.check, reason: failed.detail });
    return { software: SOFTWARE, findings, cryptography: report };
  },
});

async function wayTo(
  server: string,
  identity: Identity | undefined,
  options: DoctorOptions,
  { signal }: CommandIo,
): Promise<Finding[]> {
  const ca = options.ca === undefined ? identity?.ca : await readCa(options.ca);
  const { proxy } = options;
  return coordinatorFindings({
    ...{ server, identity, proxy, signal, clock: systemClock, environment: process.env },
    trust: { ca, tlsName: identity?.tlsName },
  });
}

/** With `--json` each finding is a line, so that those of a check that failed are told too. */
function tell(finding: Finding, io: CommandIo): void {
  const { ok, needed, check, detail, remedy } = finding;
  io.print(`${ok ? 'ok  ' : needed ? 'FAIL' : 'note'}  ${check}: ${detail}`);
  if (!ok) io.print(`      ${remedy}`);
  io.event({ finding });
}

/** Throws `usage`. */
function originOf(server: string): string {
  const url = URL.canParse(server) ? new URL(server) : undefined;
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url.origin;
  throw new HanseError('usage', { reason: `--server ${server} is not an http or https URL` });
}
