import { Type } from 'typebox';
import { describe, expect, test } from 'vitest';
import { serializerCompiler, validatorCompiler } from '../../../server/http/schema-compilers.ts';

const schema = Type.Object({ count: Type.Integer({ minimum: 1 }) });
const place = { method: 'GET', url: '/', httpStatus: '200' };

/** A schema that tells when it is looked at: nothing is made of it before. */
function watched(): { schema: typeof schema; looks: () => number } {
  let looks = 0;
  const watching = new Proxy(schema, {
    get(target, name, self) {
      looks += 1;
      return Reflect.get(target, name, self);
    },
  });
  return { schema: watching, looks: () => looks };
}

describe('checks', () => {
  test('take a body as it is, and convert what stands in an address', () => {
    const [body, query] = ['body', 'querystring'].map((httpPart) =>
      validatorCompiler({ ...place, schema, httpPart }),
    );
    expect(body?.({ count: 3 })).toEqual({ value: { count: 3 } });
    expect(body?.({ count: '3' })).toHaveProperty('error');
    expect(query?.({ count: '3' })).toEqual({ value: { count: 3 } });
    expect(query?.({ count: '0' })).toHaveProperty('error');
  });

  test('are made when something is to be checked, and once for all routes of a schema', () => {
    const { schema: seen, looks } = watched();
    const first = validatorCompiler({ ...place, schema: seen, httpPart: 'body' });
    expect(looks()).toBe(0);
    first({ count: 1 });
    const made = looks();
    expect(made).toBeGreaterThan(0);
    expect(validatorCompiler({ ...place, schema: seen, httpPart: 'body' })({ count: 0 })).toHaveProperty(
      'error',
    );
    expect(looks()).toBeLessThan(2 * made);
  });
});

describe('serialisers', () => {
  test('write what the schema has, and nothing else', () => {
    const write = serializerCompiler({ ...place, schema });
    expect(write({ count: 3, secret: 'x' })).toBe('{"count":3}');
    expect(
      serializerCompiler({ ...place, schema: Type.Object({ secret: Type.String() }) })({ secret: 'x' }),
    ).toBe('{"secret":"x"}');
  });

  test('are made when something is to be written, and once for all routes of a schema', () => {
    const { schema: seen, looks } = watched();
    const first = serializerCompiler({ ...place, schema: seen });
    expect(looks()).toBe(0);
    first({ count: 1 });
    const made = looks();
    expect(made).toBeGreaterThan(0);
    expect(serializerCompiler({ ...place, schema: seen })({ count: 2 })).toBe('{"count":2}');
    expect(looks()).toBe(made);
  });
});
