/**
 * The shape of a subcommand of `hanse`. Each room defines its own commands in `<room>/commands/`; `cli.ts` loads the
 * one that was asked for, parses its options, and prints what it returns.
 */
import { type TSchema, Type } from 'typebox';

/** 0 takes a free one. */
export const Port = Type.Integer({ minimum: 0, maximum: 65_535 });

export interface CommandOption {
  /** As the help shows it: `--rounds <n>`, `--keep`, `-o, --output <file>`. A flag without a value is a boolean. */
  readonly flags: string;
  readonly description: string;
  /** How the value is parsed; anything else is wrong usage. Default: string. `strings` may be repeated. */
  readonly kind?: 'string' | 'integer' | 'number' | 'strings';
  readonly choices?: readonly string[];
  /** What the value must fit, for example the property of a message that it becomes; anything else is wrong usage. */
  readonly schema?: TSchema;
  readonly default?: string | number | boolean | readonly string[];
  readonly required?: boolean;
}

export interface CommandArgument {
  /** `<model>` is required, `[dir]` may be left out. */
  readonly name: string;
  readonly description: string;
  /** As of an option. */
  readonly schema?: TSchema;
}

/** What a command may use of its surroundings. Results go to standard output, everything else to standard error. */
export interface CommandIo {
  /** Writes one line of the result, for people; suppressed under --json. */
  print(line: string): void;
  /** Under --json, writes one object as a line of its own, at once: for commands that run on. */
  event(object: object): void;
  /** Writes one line about what is going on, to standard error. */
  note(line: string): void;
  /** Whether standard error is a terminal that understands cursor movements. */
  readonly isTerminal: boolean;
  readonly json: boolean;
  /** Aborted on SIGINT and SIGTERM: a command then leaves nothing running. */
  readonly signal: AbortSignal;
}

export interface CommandInput<Options> {
  readonly args: readonly string[];
  readonly options: Options;
}

export interface CommandDefinition<Options = Record<string, unknown>> {
  readonly summary: string;
  readonly arguments?: readonly CommandArgument[];
  readonly options: readonly CommandOption[];
  /** Complete command lines, each with what it does: `['hanse demo --rounds 5', 'a short run']`. */
  readonly examples: readonly (readonly [line: string, does: string])[];
  /** Resolves to what --json prints as the last line of standard output. Throws a HanseError to fail. */
  run(input: CommandInput<Options>, io: CommandIo): Promise<object>;
  /** Whether a result is a bad one: it is printed all the same, and the exit code is 1. Absent: none is. */
  isFailure?(result: object): boolean;
}

/** Infers nothing, checks everything: `export const serve = defineCommand<ServeOptions>({ ... })`. */
export function defineCommand<Options>(definition: CommandDefinition<Options>): CommandDefinition<Options> {
  return definition;
}
