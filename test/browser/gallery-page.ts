/** The gallery on WebGPU, strictly: no part of a step runs on the processor. */
import { loadWebgpuProvider } from '../../client/engine/webgpu.ts';
import { bytesOf } from '../../protocol/vector.ts';
import { trainExhibit } from './gallery.ts';

/** The parameters after the training, as float32 in base64: there may be a million. */
export async function parametersAfter(name: string): Promise<string> {
  const { after } = await trainExhibit(name, await loadWebgpuProvider({ strict: true }));
  let text = '';
  for (const byte of bytesOf(after)) text += String.fromCharCode(byte);
  return btoa(text);
}
