import { expect, test } from 'vitest';
import { fetchMnistSample, MNIST_SAMPLE } from '../../../client/web/mnist-sample.ts';

test('the two files of the coordinator; a problem where it has none', async () => {
  const asked: string[] = [];
  const get = async (url: unknown) => {
    asked.push(String(url));
    return new Response(Uint8Array.of(1, 2));
  };
  const { images, labels } = await fetchMnistSample('https://c.example', get as typeof fetch);
  expect(asked).toEqual(Object.values(MNIST_SAMPLE).map((path) => `https://c.example${path}`));
  expect([images.size, labels.name]).toEqual([2, 'mnist-labels-idx1-ubyte']);
  const gone = async () => new Response('', { status: 404 });
  await expect(fetchMnistSample('https://c.example', gone)).rejects.toMatchObject({
    code: 'dataFileMissing',
  });
});
