/**
 * The way to a coordinator: the proxy, the certificate, whether it answers and in which version, its clock, whether it
 * holds the pinned key, and whether it knows the node. Node only.
 */
import { primitives } from '#primitives';
import { toBase64Url } from '../../protocol/bytes.ts';
import type { Clock } from '../../protocol/clock.ts';
import { checkFederation } from '../../protocol/identity.ts';
import { HanseError } from '../../protocol/problem.ts';
import { randomBytes } from '../../protocol/random.ts';
import { negotiateVersion, PROTOCOL_VERSIONS } from '../../protocol/versions.ts';
import type { FederationInfo } from '../../schemas/member.ts';
import type { Exchange } from '../exchange.ts';
import { httpCoordinator } from '../http-coordinator.ts';
import type { Identity } from '../identity.ts';
import { nodeExchangeWithin } from '../node-exchange.ts';
import { type ProxyAddress, proxyFor } from '../proxy-choice.ts';
import type { Trust } from '../tls-trust.ts';
import { certificate } from './certificate.ts';
import { clockSkew, type DatedAnswer } from './clock-skew.ts';
import { type Finding, failure } from './finding.ts';

/** How long a coordinator may be silent before it counts as unreachable: nothing that is asked here takes any time. */
const PATIENCE_MS = 10_000;

export interface CoordinatorCheck {
  /** Origin. */
  readonly server: string;
  readonly trust: Trust;
  /** Address of the proxy that was named. */
  readonly proxy: string | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Of the node, where it is known. */
  readonly identity: Identity | undefined;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Throws `interrupted` when the signal aborts; `usage` for what is no address of a proxy. */
export async function coordinatorFindings(asked: CoordinatorCheck): Promise<Finding[]> {
  const { server, trust, environment, identity, clock, signal } = asked;
  const { hostname, port, protocol } = new URL(server);
  const number = Number(port || (protocol === 'https:' ? 443 : 80));
  const proxy = protocol === 'https:' ? proxyFor(hostname, number, environment, asked.proxy) : undefined;
  const findings = [proxyFinding(proxy)];
  findings.push(await certificate({ server, trust, proxy, now: clock.now(), idleMs: PATIENCE_MS }));
  const dated: DatedAnswer[] = [];
  const exchange = noting(nodeExchangeWithin(PATIENCE_MS, trust, asked.proxy), clock, dated);
  const challenge = toBase64Url(randomBytes(primitives.random, 32));
  let info: FederationInfo;
  let version: number;
  try {
    const api = httpCoordinator(server, undefined, clock, exchange);
    info = await api.call('getFederation', { query: { challenge } }, { signal });
    version = negotiateVersion(PROTOCOL_VERSIONS, info.protocol);
  } catch (error) {
    if (signal.aborted) throw new HanseError('interrupted', {}, { cause: error });
    return [...findings, failure('coordinator', error)];
  }
  const detail = `${info.federationId}, ${info.software}, protocol version ${version}`;
  findings.push({ check: 'coordinator', ok: true, needed: true, detail, remedy: '' });
  const [first] = dated;
  if (first) findings.push(clockSkew(first));
  if (!identity) return findings;
  try {
    await checkFederation(info, challenge, identity);
    findings.push({
      check: 'pinned key',
      ok: true,
      needed: true,
      detail: 'it holds the pinned key',
      remedy: '',
    });
  } catch (error) {
    return [...findings, failure('pinned key', error)];
  }
  try {
    const signer = await primitives.signer(identity.seed.reveal());
    const caller = { signer, nodeId: identity.nodeId, version };
    await httpCoordinator(server, caller, clock, exchange).call('listJobs', {}, { signal });
    const known = `${identity.nodeId} is a member`;
    findings.push({ check: 'membership', ok: true, needed: true, detail: known, remedy: '' });
  } catch (error) {
    if (signal.aborted) throw new HanseError('interrupted', {}, { cause: error });
    findings.push(failure('membership', error));
  }
  return findings;
}

function proxyFinding(proxy: ProxyAddress | undefined): Finding {
  const detail = proxy ? proxy.name : 'none: the coordinator is reached directly';
  return { check: 'proxy', ok: true, needed: false, detail, remedy: '' };
}

/** Notes what each answer says of its time. */
function noting(exchange: Exchange, clock: Clock, dated: DatedAnswer[]): Exchange {
  return async (request) => {
    const sentAt = clock.now();
    const answer = await exchange(request);
    dated.push({ date: answer.header('date'), sentAt, receivedAt: clock.now() });
    return answer;
  };
}
