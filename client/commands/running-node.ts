/**
 * The node that a command of its owner is for: one that runs on this machine, named by its key or its configuration.
 */
import { parse } from '../../protocol/parse.ts';
import type { CommandOption } from '../../schemas/command.ts';
import { type ControlRequest, NodeStatus } from '../../schemas/node-status.ts';
import { askNode } from '../control-socket.ts';

export interface RunningNodeOptions {
  readonly identity: string;
  readonly config?: string;
}

/** Where `hanse join` keeps the key of a node unless it is told otherwise. */
export const NODE_FILE = '.hanse/node/identity.json';

export const RUNNING_NODE_OPTIONS: readonly CommandOption[] = [
  { flags: '--identity <file>', description: 'the key of the node', default: NODE_FILE },
  { flags: '--config <file>', description: 'its configuration file, which names the key' },
];

/** Its identity file. Throws as `readNodeConfig`, whose parser of YAML is loaded only where there is some. */
export async function identityFileOf({ identity, config }: RunningNodeOptions): Promise<string> {
  if (config === undefined) return identity;
  const { readNodeConfig } = await import('../config/node-config.ts');
  return (await readNodeConfig(config)).identity;
}

/** What the node does once it has been told. Throws `nodeNotRunning`. */
export async function statusAfter(
  command: Exclude<ControlRequest['command'], 'inspect'>,
  identityFile: string,
): Promise<NodeStatus> {
  return parse(NodeStatus, await askNode(identityFile, { command }), 'answer of the node');
}
