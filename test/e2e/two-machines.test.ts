/**
 * What the README says under "Run it across two machines", line by line as it stands there, on two machines that are
 * network namespaces of this one. Skipped where those cannot be made: that takes root and `ip`.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FRONT_DOOR, isBuilt } from './hanse-process.ts';

const README = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
/** Training included, on a machine that has other things to do. */
const DEADLINE_MS = 150_000;
const PREFIX = 'hanse-e2e-';

type Machine = 'first' | 'second';

const namespaceOf = (machine: Machine) => `${PREFIX}${process.pid}-${machine}`;
const wireOf = (machine: Machine) => `hn${process.pid}${machine[0]}`;

function ip(...args: string[]): boolean {
  return spawnSync('ip', args, { stdio: 'ignore' }).status === 0;
}

/** What needs root is tried, since root alone may not be enough. */
function canMakeMachines(): boolean {
  const probe = `${PREFIX}${process.pid}-probe`;
  try {
    return ip('netns', 'add', probe) && ip('netns', 'exec', probe, 'true');
  } finally {
    ip('netns', 'del', probe);
  }
}

/** By a run of this test that was killed. */
function removeLeftBehind(): void {
  for (const name of existsSync('/run/netns') ? readdirSync('/run/netns') : []) {
    const [, pid] = /^hanse-e2e-(\d+)-(?:first|second|probe)$/.exec(name) ?? [];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) ip('netns', 'del', name);
  }
}

/** The command lines under a comment that begins so, in order; a line that ends in a backslash goes on. */
function commandsOf(place: string): string[][] {
  const [, section = ''] = README.split('\n## Run it across two machines\n');
  const [text = ''] = section.split('\n## ');
  return [...text.matchAll(/^```\n# (.*)\n([\s\S]*?)^```$/gm)]
    .filter(([, comment]) => comment?.startsWith(place))
    .map(([, , lines = '']) => lines.trimEnd().split(/(?<!\\)\n/));
}

const opensslIsThere = spawnSync('openssl', ['version']).status === 0;

test('the section has lines for both machines', () => {
  expect(commandsOf('first machine, terminal 1').map((lines) => lines.length)).toEqual([2]);
  expect(commandsOf('first machine, terminal 2').map((lines) => lines.length)).toEqual([4, 3]);
  expect(commandsOf('second machine').map((lines) => lines.length)).toEqual([4]);
});

describe.skipIf(!isBuilt || !opensslIsThere || !canMakeMachines())(
  'two machines (skipped: they take the build, openssl, and the right to make network namespaces)',
  () => {
    let folder: string;
    const running: Command[] = [];

    beforeAll(() => {
      removeLeftBehind();
      folder = mkdtempSync(join(tmpdir(), 'hanse-machines-'));
      mkdirSync(join(folder, 'bin'));
      writeFileSync(
        join(folder, 'bin', 'hanse'),
        `#!/bin/sh\nexec "${process.execPath}" "${FRONT_DOOR}" "$@"\n`,
        {
          mode: 0o755,
        },
      );
      for (const machine of ['first', 'second'] as const) {
        mkdirSync(join(folder, machine));
        expect(ip('netns', 'add', namespaceOf(machine))).toBe(true);
      }
      const [first, second] = [namespaceOf('first'), namespaceOf('second')];
      const [a, b] = [wireOf('first'), wireOf('second')];
      expect(ip('link', 'add', a, 'netns', first, 'type', 'veth', 'peer', 'name', b, 'netns', second)).toBe(
        true,
      );
      for (const [name, wire, address] of [
        [first, a, '10.77.0.1/24'],
        [second, b, '10.77.0.2/24'],
      ] as const) {
        expect(ip('-n', name, 'address', 'add', address, 'dev', wire)).toBe(true);
        for (const link of ['lo', wire]) expect(ip('-n', name, 'link', 'set', link, 'up')).toBe(true);
      }
    });
    afterAll(async () => {
      await Promise.all(running.map((command) => command.kill()));
      for (const machine of ['first', 'second'] as const) ip('netns', 'del', namespaceOf(machine));
      rmSync(folder, { recursive: true, force: true });
    });

    function start(machine: Machine, line: string): Command {
      const command = new Command(machine, line, folder);
      running.push(command);
      return command;
    }

    /** To its end, which is a good one; what it has printed. */
    async function run(machine: Machine, line: string): Promise<string> {
      const command = start(machine, line);
      await command.until('the end', () => command.hasEnded);
      expect(command.exitCode, command.said).toBe(0);
      return command.out;
    }

    test(
      'a job runs as the README says',
      async () => {
        const [[certify = '', serve = ''] = []] = commandsOf('first machine, terminal 1');
        const [invites = [], jobs = []] = commandsOf('first machine, terminal 2');
        const [joins = []] = commandsOf('second machine');
        await run('first', certify);
        expect(statSync(join(folder, 'first', 'key.pem')).mode & 0o077).toBe(0);
        const coordinator = start('first', serve);
        await coordinator.until('readiness', () => coordinator.out.includes('next      hanse invite'));
        const links = (await Promise.all(invites.map((line) => run('first', line)))).map((said) =>
          said.trim(),
        );
        for (const link of links) expect(link).toMatch(/^https:\/\/10\.77\.0\.1:8790\/#invite=/);

        copyFileSync(join(folder, 'first', 'cert.pem'), join(folder, 'second', 'cert.pem'));
        const lines = joins.map((line, i) => line.replace('<link>', links[i] ?? ''));
        const [first = ''] = lines;
        const stranger = start('second', first.replace('--ca cert.pem ', ''));
        await stranger.until('the end', () => stranger.hasEnded);
        expect([stranger.exitCode, stranger.said]).toEqual([1, expect.stringContaining('tlsUntrusted')]);
        expect(existsSync(join(folder, 'second', '.hanse', 'a.json'))).toBe(false);
        const nodes = lines.map((line) => start('second', line));
        for (const node of nodes)
          await node.until('readiness', () => node.said.includes('ready; waiting for work'));

        let jobId = '';
        for (const line of jobs) {
          const said = await run('first', line.replace('<job>', jobId));
          jobId ||= /job-[0-9a-f]{16}/.exec(said)?.[0] ?? '';
          if (line.includes('job watch')) expect(said).toMatch(/^finished$/m);
        }
        expect(statSync(join(folder, 'first', 'digits.onnx')).size).toBeGreaterThan(100_000);
        for (const one of [...nodes, coordinator]) expect(await one.stop(), one.said).toBe(0);
      },
      2 * DEADLINE_MS,
    );
  },
);

/** A command line on one of the machines, in a folder of its own. */
class Command {
  out = '';
  said = '';
  exitCode: number | null = null;
  hasEnded = false;
  readonly #line: string;
  readonly #child: ChildProcess;
  readonly #watchers = new Set<() => void>();

  constructor(machine: Machine, line: string, folder: string) {
    this.#line = line;
    const inside = ['netns', 'exec', namespaceOf(machine), 'sh', '-c', `exec ${line}`];
    this.#child = spawn('ip', inside, {
      cwd: join(folder, machine),
      env: { ...process.env, PATH: `${join(folder, 'bin')}:${process.env.PATH}`, TMPDIR: folder },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const hear = (text: string, isResult: boolean) => {
      if (isResult) this.out += text;
      this.said += text;
      this.#changed();
    };
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => hear(text, true));
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => hear(text, false));
    this.#child.once('close', (code) => {
      this.exitCode = code;
      this.hasEnded = true;
      this.#changed();
    });
  }

  /** Resolves once it holds; fails when the command ends before, or takes too long. */
  async until(what: string, holds: () => boolean): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve, reject) => {
      const fail = (how: string) => reject(new Error(`${this.#line}: ${how} ${what}\n${this.said}`));
      const look = () => {
        if (holds()) resolve();
        else if (this.hasEnded) fail('ended without');
      };
      timer = setTimeout(() => fail('too late for'), DEADLINE_MS);
      this.#watchers.add(look);
      look();
    }).finally(() => clearTimeout(timer));
  }

  /** Asks it to end; the exit code. */
  async stop(): Promise<number | null> {
    this.#child.kill('SIGTERM');
    await this.until('the end', () => this.hasEnded);
    return this.exitCode;
  }

  async kill(): Promise<void> {
    if (!this.hasEnded) this.#child.kill('SIGKILL');
    await this.until('the end', () => this.hasEnded);
  }

  #changed(): void {
    for (const look of [...this.#watchers]) look();
  }
}
