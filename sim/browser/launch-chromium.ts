/**
 * A headless Chromium with WebGPU: on the machine's adapter where there is one that Chromium trusts, else in software.
 */
import type { Browser } from 'playwright-core';
import { HanseError } from '../../protocol/problem.ts';
import { type FoundChromium, findChromium } from './find-chromium.ts';

/** Without a sandbox: it opens pages of this machine's own coordinator, also as root in a container. */
const FLAGS = ['--no-sandbox', '--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'];

/** Throws `browserMissing`. */
export function requireChromium(): FoundChromium {
  const found = findChromium();
  if ('missing' in found) throw new HanseError('browserMissing', { reason: found.missing });
  return found;
}

/** @throws browserMissing where what drives it is not installed, or it does not start */
export async function launchChromium({ path }: FoundChromium): Promise<Browser> {
  try {
    const { chromium } = await import('playwright-core');
    return await chromium.launch({ executablePath: path, args: FLAGS });
  } catch (cause) {
    const [reason = ''] = String(cause instanceof Error ? cause.message : cause).split('\n');
    throw new HanseError('browserMissing', { reason }, { cause });
  }
}
