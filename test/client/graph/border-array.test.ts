import { expect, test } from 'vitest';
import { newBorderArray, requireBorderType } from '../../../client/graph/border-array.ts';

test('arrays of either type, told apart by what holds them', () => {
  const [numbers, integers] = [newBorderArray('float32', 2), newBorderArray('int32', 3)];
  expect(numbers).toEqual(new Float32Array(2));
  expect(integers).toEqual(new Int32Array(3));
  expect(() => requireBorderType('features', numbers, 'float32')).not.toThrow();
  expect(() => requireBorderType('features', integers, 'int32')).not.toThrow();
  const mismatch = (detail: object) => expect.objectContaining({ code: 'dataShapeMismatch', detail });
  expect(() => requireBorderType('features', numbers, 'int32')).toThrow(
    mismatch({ what: 'type of the features', expected: 'int32', got: 'float32' }),
  );
  expect(() => requireBorderType('targets', integers, 'float32')).toThrow(
    mismatch({ what: 'type of the targets', expected: 'float32', got: 'int32' }),
  );
});
