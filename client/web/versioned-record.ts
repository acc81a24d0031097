/** A record of a tab with the version of its layout, which an older page leaves alone. */
import { HanseError } from '../../protocol/problem.ts';
import type { TabStore } from './tab-store.ts';

/** Of every record that is written. */
export const RECORD_VERSION = 1;

/** Undefined where there is none under the name. @throws `browserStorageNewer` */
export async function readRecord(
  store: TabStore,
  name: string,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  const record = await store.read(name);
  if (record === undefined) return undefined;
  const { version } = (record ?? {}) as { version?: unknown };
  if (version === RECORD_VERSION) return record as Readonly<Record<string, unknown>>;
  throw new HanseError('browserStorageNewer', { what: name, got: `version ${String(version)}` });
}
