/** What the harness promises of a page, asked from within. */

export function isolated(): boolean {
  return globalThis.crossOriginIsolated;
}

/** Whether strings can be evaluated. Asked in a task of its own: a debugger's call is allowed to. */
export function evaluates(): Promise<boolean> {
  return new Promise((resolve) => {
    setTimeout(() => {
      try {
        resolve(new Function('return true')());
      } catch {
        resolve(false);
      }
    });
  });
}

/** The smallest WebAssembly module there is, instantiated. */
export async function instantiates(): Promise<boolean> {
  const { instance } = await WebAssembly.instantiate(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0));
  return instance instanceof WebAssembly.Instance;
}

export async function hasAdapter(): Promise<boolean> {
  const { gpu } = navigator as { gpu?: { requestAdapter(): Promise<unknown> } };
  return Boolean(await gpu?.requestAdapter());
}

export function language(): string {
  return new Intl.NumberFormat(navigator.language).resolvedOptions().locale;
}

export async function reaches(url: string): Promise<boolean> {
  return fetch(url).then(
    () => true,
    () => false,
  );
}

export function sum(a: number, b: number): number {
  return a + b;
}

export function fails(): void {
  throw new Error('on purpose');
}
