import { expect, expectTypeOf, test } from 'vitest';
import { defineCommand } from '../../schemas/command.ts';

test('a command is defined with the type of its options, and handed on as it is', async () => {
  const definition = {
    summary: 'greets',
    options: [{ flags: '--name <name>', description: 'whom', required: true }],
    examples: [['hanse greet --name Lübeck', 'greets Lübeck']] as const,
    run: async ({ options }: { options: { readonly name: string } }) => ({
      greeting: `Moin ${options.name}`,
    }),
  };
  const command = defineCommand<{ readonly name: string }>(definition);
  expect(command).toBe(definition);
  expectTypeOf(command.run).parameter(0).toHaveProperty('options').toEqualTypeOf<{ readonly name: string }>();
});
