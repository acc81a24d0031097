/**
 * A headless Chromium, whose WebGPU is made of software (SwiftShader): correct everywhere, fast nowhere.
 */
import type { Browser, BrowserContext } from 'playwright-core';
import { HanseError } from '../../protocol/problem.ts';
import { type FoundChromium, findChromium } from './find-chromium.ts';

/** Without a sandbox: it opens pages of this machine's own coordinator, also as root in a container. */
const FLAGS = ['--no-sandbox'];
const WEBGPU = ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'];

export interface LaunchOptions {
  /** False: as on a machine whose graphics card no browser trusts. */
  readonly webgpu?: boolean;
}

/** Throws `browserMissing`. */
export function requireChromium(): FoundChromium {
  const found = findChromium();
  if ('missing' in found) throw new HanseError('browserMissing', { reason: found.missing });
  return found;
}

/** @throws `browserMissing` where what drives it is not installed, or it does not start */
export async function launchChromium(
  { path }: FoundChromium,
  { webgpu = true }: LaunchOptions = {},
): Promise<Browser> {
  try {
    const { chromium } = await import('playwright-core');
    return await chromium.launch({ executablePath: path, args: webgpu ? [...FLAGS, ...WEBGPU] : FLAGS });
  } catch (cause) {
    const [reason = ''] = String(cause instanceof Error ? cause.message : cause).split('\n');
    throw new HanseError('browserMissing', { reason }, { cause });
  }
}

/**
 * Storage, cookies and cache of their own: two tabs of one profile are one member of a federation. In English: under
 * LANG=C headless Chromium would report a language that Intl refuses.
 */
export function newProfile(browser: Browser): Promise<BrowserContext> {
  return browser.newContext({ locale: 'en-US' });
}
