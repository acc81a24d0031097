/**
 * A federation of processes to which faults are done: each node behind a proxy of its own, all in the hands of
 * `fault-control.ts`. What is done to it, and what is expected then, is a bench's.
 */
import type { FaultControl } from './fault-control.ts';
import type { FaultyProxy } from './faulty-proxy.ts';
import type { HanseProcess } from './hanse-process.ts';
import type { SmallFederation } from './small-federation.ts';

export abstract class FaultStage<Name extends string> {
  readonly control: FaultControl;
  readonly federation: SmallFederation;
  readonly proxies: Readonly<Record<Name, FaultyProxy>>;

  protected constructor(
    control: FaultControl,
    federation: SmallFederation,
    proxies: Readonly<Record<Name, FaultyProxy>>,
  ) {
    this.control = control;
    this.federation = federation;
    this.proxies = proxies;
  }

  async end(): Promise<void> {
    await this.federation.end();
    for (const proxy of Object.values<FaultyProxy>(this.proxies)) proxy.close();
    this.control.close();
  }

  get coordinator(): HanseProcess {
    const { coordinator } = this.federation;
    if (!coordinator) throw new Error('unreachable');
    return coordinator;
  }

  node(name: Name): HanseProcess {
    const node = this.federation.nodes.get(name);
    if (!node) throw new Error('unreachable');
    return node;
  }
}
