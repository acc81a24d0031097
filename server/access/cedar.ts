/**
 * Cedar, as this process may call it. https://www.cedarpolicy.com
 *
 * V8 before 12 (Node 20) makes calls of WebAssembly a part of the functions that call it, once they are called often; where the code
 * of such a function is dropped during a call that returns a JavaScript value, as all of Cedar do, the process ends ("unreachable
 * code", `Deoptimizer::DoComputeBuiltinContinuation`). So such calls are made no part of anything: `test/e2e/dropped-code.test.ts`
 * shows both.
 */
import { setFlagsFromString } from 'node:v8';
import cedar from '@cedar-policy/cedar-wasm/nodejs';

if (Number.parseInt(process.versions.v8, 10) < 12) setFlagsFromString('--no-turbo-inline-js-wasm-calls');

export { cedar };
