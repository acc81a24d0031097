/**
 * The frozen transcripts of secure aggregation, for every implementation of the primitives: made once more from what went
 * in, byte for byte, and checked by what checks messages.
 */
import { describe, expect, test } from 'vitest';
import { primitives as platform } from '#primitives';
import type { Primitives } from '../../protocol/primitives.ts';
import { checkTranscript } from '../fixtures/check-transcript.ts';
import {
  COMPLETE,
  DROPOUTS,
  type FrozenTranscript,
  inputsOf,
  transcribe,
} from '../fixtures/secure-transcript.ts';
import complete from '../vectors/secagg/complete.json' with { type: 'json' };
import dropouts from '../vectors/secagg/dropouts.json' with { type: 'json' };

const TRANSCRIPTS = {
  complete: { setting: COMPLETE, frozen: complete as FrozenTranscript },
  dropouts: { setting: DROPOUTS, frozen: dropouts as FrozenTranscript },
};
export type TranscriptName = keyof typeof TRANSCRIPTS;

/** @param whose code the primitives are @param name of the transcript */
export function transcriptContract(whose: string, primitives: Primitives, name: TranscriptName): void {
  const { setting, frozen } = TRANSCRIPTS[name];

  describe(`the transcript ${name} by the primitives ${whose}`, () => {
    test('the same inputs give the same messages', async () => {
      expect(frozen.inputs).toEqual(await inputsOf(setting, primitives));
      expect(await transcribe(frozen.inputs, primitives)).toEqual(frozen);
    });

    test('whoever checks the messages accepts them', async () => {
      await expect(checkTranscript(frozen, primitives)).resolves.toBeUndefined();
    });
  });
}

/** @param name of the transcript */
export function tamperContract(name: TranscriptName): void {
  const { frozen } = TRANSCRIPTS[name];

  test(`${name}: one byte of any message is enough for a refusal`, async () => {
    const places = placesOf(frozen.messages);
    const kinds = new Set(places.map((path) => path[0]));
    expect(kinds.size).toBe(11);
    const accepted: string[] = [];
    for (const path of places) {
      const altered = structuredClone(frozen) as FrozenTranscript;
      alter(altered.messages, path);
      const outcome = await checkTranscript(altered, platform).then(
        () => 'accepted',
        () => 'refused',
      );
      if (outcome === 'accepted') accepted.push(path.join('.'));
    }
    expect(accepted).toEqual([]);
  });
}

type Path = readonly string[];

/** A place of each form: of what several participants send, and of what a message has several of, the last one. */
function placesOf(messages: FrozenTranscript['messages']): Path[] {
  const places = new Map<string, Path>();
  const visit = (value: unknown, path: Path) => {
    if (typeof value === 'object' && value !== null)
      for (const [name, inner] of Object.entries(value)) visit(inner, [...path, name]);
    else if (typeof value === 'string' || typeof value === 'number')
      places.set(path.filter((name) => !/^\d+$|^[0-9a-f]{32}$/.test(name)).join('.'), path);
  };
  visit(messages, []);
  return [...places.values()];
}

/** Another digit in the middle of a text, another number in the place of a number. */
function alter(messages: unknown, path: Path): void {
  const [name = '', ...rest] = path;
  const holder = messages as Record<string, unknown>;
  const value = holder[name];
  if (rest.length > 0) alter(value, rest);
  else if (typeof value === 'number') holder[name] = value + 1;
  else if (typeof value === 'string') {
    const middle = value.slice(value.length >> 1).search(/[0-9a-f]/) + (value.length >> 1);
    const other = value[middle] === '1' ? '2' : '1';
    holder[name] = value.slice(0, middle) + other + value.slice(middle + 1);
  }
}
