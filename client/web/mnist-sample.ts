/**
 * A thousand digits of MNIST as the coordinator serves them beside the page, for whoever has no data at hand.
 */
import { HanseError } from '../../protocol/problem.ts';

/** Paths on the coordinator: IDX files, images and labels. */
export const MNIST_SAMPLE = {
  images: '/samples/mnist-images-idx3-ubyte',
  labels: '/samples/mnist-labels-idx1-ubyte',
} as const;

/** Throws `dataFileMissing` where the coordinator serves none. */
export async function fetchMnistSample(
  origin: string,
  get: typeof fetch = fetch,
): Promise<{ readonly images: File; readonly labels: File }> {
  const file = async (path: string) => {
    const answer = await get(new URL(path, origin));
    if (!answer.ok) throw new HanseError('dataFileMissing', { file: path });
    return new File([await answer.arrayBuffer()], path.slice(path.lastIndexOf('/') + 1));
  };
  const [images, labels] = await Promise.all([file(MNIST_SAMPLE.images), file(MNIST_SAMPLE.labels)]);
  return { images, labels };
}
