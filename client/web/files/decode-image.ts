/** An image file as pixels of a given size: `createImageBitmap` and an `OffscreenCanvas`, which a worker has. */
import type { DecodeImage } from './image-folder.ts';

export const decodeImage: DecodeImage = async (file, height, width) => {
  const bitmap = await createImageBitmap(file, {
    resizeHeight: height,
    resizeWidth: width,
    resizeQuality: 'medium',
  });
  try {
    const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
    if (!context) throw new Error('this browser draws nothing in a worker');
    context.drawImage(bitmap, 0, 0, width, height);
    return new Uint8ClampedArray(context.getImageData(0, 0, width, height).data);
  } finally {
    bitmap.close();
  }
};
