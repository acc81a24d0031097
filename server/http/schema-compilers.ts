/**
 * What Fastify makes of the schemas of the routes: a check of what comes in, a serialiser of what goes out. Each is made
 * when it is first used, as making them all takes longer than all else that a start does, and most are not used for long.
 * They are kept by schema: routes have many in common, and the coordinators of one process all of them. A schema is data of
 * `protocol/routes.ts`; none refers to another.
 */
import { SerializerSelector } from '@fastify/fast-json-stringify-compiler';
import { TypeBoxValidatorCompiler } from '@fastify/type-provider-typebox';
import type { FastifySerializerCompiler } from 'fastify/types/schema.js';

type ValidatorRoute = Parameters<typeof TypeBoxValidatorCompiler>[0];
type Validator = ReturnType<typeof TypeBoxValidatorCompiler>;
type SerializerRoute = Parameters<FastifySerializerCompiler<unknown>>[0];
type Serializer = ReturnType<FastifySerializerCompiler<unknown>>;

const makeSerializers = SerializerSelector();
const makeSerializer = makeSerializers({}, {});

/** Bodies are checked as they are; what an address says is text, and is converted first. */
const validators = { body: new WeakMap<object, Validator>(), text: new WeakMap<object, Validator>() };
const serializers = new WeakMap<object, Serializer>();

export function validatorCompiler(route: ValidatorRoute): Validator {
  const known = validators[route.httpPart === 'body' ? 'body' : 'text'];
  return (value) => made(known, route.schema, () => TypeBoxValidatorCompiler(route))(value);
}

export function serializerCompiler(route: SerializerRoute): Serializer {
  const { httpStatus = '200' } = route;
  const make = () => makeSerializer({ ...route, httpStatus });
  return (value) => made(serializers, route.schema as object, make)(value);
}

function made<T>(known: WeakMap<object, T>, schema: object, make: () => T): T {
  const one = known.get(schema) ?? make();
  known.set(schema, one);
  return one;
}
