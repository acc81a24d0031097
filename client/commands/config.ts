/**
 * `hanse config`: the configuration file of a node, written for the first time and checked.
 */
import { writeFile } from 'node:fs/promises';
import { HanseError, PROBLEMS } from '../../protocol/problem.ts';
import { defineCommand } from '../../schemas/command.ts';
import { EXAMPLE_CONFIG } from '../config/example-config.ts';
import { checkNodeConfig } from '../config/node-config.ts';
import { fileProblem, isOfThePath } from '../file-problem.ts';

const DEFAULT_FILE = 'node.yaml';

export const configCheckCommand = defineCommand<object>({
  summary: 'check the configuration file of a node and the data it names: every fault with its line',
  arguments: [{ name: '[file]', description: `the file; default: ${DEFAULT_FILE}` }],
  options: [],
  examples: [['hanse config check node.yaml', 'before the node is started']],
  async run({ args: [file = DEFAULT_FILE] }, io) {
    const { config, faults } = await checkNodeConfig(file, { opensData: true });
    for (const { line, pointer, reason } of faults)
      io.print(`${file}:${line}: configInvalid: ${pointer || 'the file'} ${reason}`);
    if (config)
      io.print(
        `${file} is right: ${config.data.length} data set${config.data.length === 1 ? '' : 's'}, identity ${config.identity}`,
      );
    else io.note(`${PROBLEMS.configInvalid.cause}\n  remedy: ${PROBLEMS.configInvalid.remedy}`);
    return {
      file,
      ok: faults.length === 0,
      faults: faults.map((fault) => ({ code: 'configInvalid', ...fault })),
    };
  },
  isFailure: (result) => (result as { ok?: boolean }).ok === false,
});

export const configInitCommand = defineCommand<object>({
  summary: 'write a configuration file that explains itself',
  arguments: [{ name: '[file]', description: `where to; default: ${DEFAULT_FILE}` }],
  options: [],
  examples: [['hanse config init', `write ${DEFAULT_FILE} here; a file that is there stays as it is`]],
  async run({ args: [file = DEFAULT_FILE] }, io) {
    try {
      await writeFile(file, EXAMPLE_CONFIG, { flag: 'wx' });
    } catch (error) {
      if (!isOfThePath(error)) throw fileProblem(file, error);
      const { code } = error as NodeJS.ErrnoException;
      const reason = code === 'EEXIST' ? `${file} is there: give another name` : `${file}: ${code}`;
      throw new HanseError('usage', { reason }, { cause: error });
    }
    io.print(`wrote ${file}: change what is under data, then run: hanse config check ${file}`);
    return { file };
  },
});
