import { expect, test } from 'vitest';
import { unlessAborted } from '../../client/unless-aborted.ts';

const never = new Promise<never>(() => {});

test('settles as the work does while the signal lasts', async () => {
  const { signal } = new AbortController();
  await expect(unlessAborted(Promise.resolve(7), signal)).resolves.toBe(7);
  await expect(unlessAborted(Promise.reject(new Error('broken')), signal)).rejects.toThrow('broken');
});

test('rejects with the reason of the signal, which aborts before or meanwhile', async () => {
  const end = new AbortController();
  const meanwhile = unlessAborted(never, end.signal);
  end.abort(new Error('enough'));
  await expect(meanwhile).rejects.toThrow('enough');
  await expect(unlessAborted(never, end.signal)).rejects.toThrow('enough');
});
