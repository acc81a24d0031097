/**
 * A coordinator as a process of its own, and links to it for tabs, for the time of a measurement.
 */
import type { CoordinatorApi } from '../../client/coordinator-api.ts';
import { formatInviteLink } from '../../protocol/invite-link.ts';
import { connectOperator, startCoordinator } from './bench-coordinator.ts';
import { withChildren } from './child.ts';
import { withScratchFolder } from './scratch-folder.ts';

export interface TabFederation {
  readonly federationId: string;
  /** As its operator. */
  readonly api: CoordinatorApi;
  /** @returns the link that a person opens to take part */
  invite(): Promise<string>;
}

/** Starts the coordinator, hands it to `work`, and ends it, whatever happens. */
export function withTabFederation<Result>(
  work: (federation: TabFederation) => Promise<Result>,
): Promise<Result> {
  return withScratchFolder((folder) =>
    withChildren(async (start) => {
      const { operator, api } = await connectOperator(await startCoordinator(start, folder));
      let organisations = 0;
      const invite = async () => {
        organisations += 1;
        const organisationId = `organisation-${organisations}`;
        const body = { role: 'participant', organisationId, lifetimeSeconds: 3600 } as const;
        return formatInviteLink({ ...operator, ...(await api.call('createInvite', { body })) });
      };
      return work({ federationId: operator.federationId, api, invite });
    }),
  );
}
