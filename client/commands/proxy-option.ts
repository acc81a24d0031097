/**
 * The option that names the proxy through which a coordinator is reached.
 */
import type { CommandOption } from '../../schemas/command.ts';
import { parseProxy } from '../proxy-choice.ts';

export const PROXY_OPTION: CommandOption = {
  flags: '--proxy <url>',
  description:
    'reach the coordinator through this proxy; else HTTPS_PROXY and NO_PROXY of the environment count',
};

export interface ProxyOptions {
  readonly proxy?: string;
}

/** Throws `usage`: what is no address of a proxy is found before anything is asked. */
export function checkedProxy({ proxy }: ProxyOptions): string | undefined {
  if (proxy !== undefined) parseProxy(proxy, '--proxy');
  return proxy;
}
