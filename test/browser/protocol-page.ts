/**
 * The suites of the protocol in a page: primitives and their self-test, ring, strategies, signatures, directory, round, and
 * what is parsed. Not those that read files, fake timers or look at what only Node has.
 */
import fc from 'fast-check';
import { candidates, primitives } from '#primitives';
import { fromHex } from '../../protocol/bytes.ts';
import { decideParticipation, type Participation } from '../../protocol/exchange/participation.ts';
import { signRequest } from '../../protocol/http-signature.ts';
import { portable } from '../../protocol/primitives/portable.ts';
import { type SelfTestReport, selfTest } from '../../protocol/secagg/self-test.ts';
import { primitivesContract } from '../contract/primitives.ts';
import { tamperContract, transcriptContract } from '../contract/transcripts.ts';
import './node-in-page/buffer.ts';
import '../protocol/admission-request.test.ts';
import '../protocol/admission.test.ts';
import '../protocol/bytes.test.ts';
import '../protocol/canonical.test.ts';
import '../protocol/cohort.test.ts';
import '../protocol/directory-succession.test.ts';
import '../protocol/directory.test.ts';
import '../protocol/exchange/job-cost.test.ts';
import '../protocol/exchange/organisation-rules.test.ts';
import '../protocol/exchange/participation.test.ts';
import '../protocol/exchange/promise-units.test.ts';
import '../protocol/http-signature.test.ts';
import '../protocol/identity.test.ts';
import '../protocol/invite-link.test.ts';
import '../protocol/key-succession.test.ts';
import '../protocol/known-organisations.test.ts';
import '../protocol/lasting-decline.test.ts';
import '../protocol/learning-rate.test.ts';
import '../protocol/letter.test.ts';
import '../protocol/loopback.test.ts';
import '../protocol/name-pattern.test.ts';
import '../protocol/parse.test.ts';
import '../protocol/pem.test.ts';
import '../protocol/primitives/chacha20-kernel.test.ts';
import '../protocol/random.test.ts';
import '../protocol/ring/add-packed.test.ts';
import '../protocol/ring/bit-pack.test.ts';
import '../protocol/ring/clip-check.test.ts';
import '../protocol/ring/clip.test.ts';
import '../protocol/ring/payload.test.ts';
import '../protocol/ring/quantize.test.ts';
import '../protocol/ring/sum-kernel.test.ts';
import '../protocol/ring/sum.test.ts';
import '../protocol/ring/update.test.ts';
import '../protocol/ring/width.test.ts';
import '../protocol/round-properties.test.ts';
import '../protocol/round.test.ts';
import '../protocol/secagg/mask-kernel.test.ts';
import '../protocol/secagg/self-test.test.ts';
import '../protocol/secagg/suite.test.ts';
import '../protocol/strategy/fedadam.test.ts';
import '../protocol/strategy/fedavg.test.ts';
import '../protocol/strategy/fedavgm.test.ts';
import '../protocol/strategy/strategy.test.ts';
import '../protocol/upload.test.ts';
import '../protocol/url-host.test.ts';
import '../protocol/vector.test.ts';
import '../protocol/versions.test.ts';
import { sampleWorlds } from '../fixtures/participation-worlds.ts';
import {
  type HashedTranscript,
  hashed,
  inputsOf,
  SPARSE,
  transcribe,
} from '../fixtures/secure-transcript.ts';
import { type PageResult, runAll } from './vitest-in-page.ts';

// Properties were tried many times in Node: here it is the engine of the browser that is tried.
fc.configureGlobal({ numRuns: 20 });
primitivesContract('in this browser', primitives);
for (const name of ['complete', 'dropouts'] as const) {
  transcriptContract('of this browser', primitives, name);
  transcriptContract('of @noble', { ...portable, random: primitives.random }, name);
}
tamperContract('complete');

/** What the self-test finds here. */
export async function selfTested(): Promise<SelfTestReport> {
  return (await selfTest(candidates, () => performance.now())).report;
}

/** The hashes of the transcript of a sparse graph, as it is made here. */
export async function sparseTranscript(): Promise<HashedTranscript> {
  return hashed(await transcribe(await inputsOf(SPARSE, primitives), primitives), primitives);
}

/** What this browser decides about jobs, by the policies of their worlds. */
export function participations(seed: number, count: number): Participation[] {
  return sampleWorlds(seed, count).map((world) => decideParticipation(...world));
}

export function suites(): Promise<PageResult[]> {
  return runAll();
}

/** A request signed here, and what the WebCrypto of the browser says of a signature of ours. */
export async function signed(seedHex: string, now: number) {
  const signer = await primitives.signer(fromHex(seedHex) ?? new Uint8Array());
  const nodeId = 'f67d0a7b3c2e1d5948576a6b7c8d9eaf';
  const bodySha256 = await primitives.sha256(new TextEncoder().encode('{}'));
  const headers = await signRequest(
    { method: 'PUT', target: '/v1/tasks', version: 1, bodySha256 },
    { signer, nodeId, now, nonce: new Uint8Array(16) },
  );
  const message = Uint8Array.of(1, 2, 3);
  const signature = (await signer.sign(message)) as Uint8Array<ArrayBuffer>;
  const publicKey = signer.publicKey as Uint8Array<ArrayBuffer>;
  const key = await crypto.subtle.importKey('raw', publicKey, 'Ed25519', false, ['verify']);
  const isVerified = await crypto.subtle.verify('Ed25519', key, signature, message);
  return { headers, publicKey: Array.from(signer.publicKey), isVerified };
}
