/**
 * One question to the accountants answered: every figure with its neighbouring relation, or the code of a refusal.
 */
import type { Static } from 'typebox';
import type { Neighbouring } from '../../schemas/dp-event.ts';
import {
  AccountQuestion,
  CalibrateQuestion,
  type EpsilonByDelta,
  type PrivacyAnswer,
} from '../../schemas/privacy-account.ts';
import { parse } from '../parse.ts';
import { HanseError, isProblem } from '../problem.ts';
import { ACCOUNTANTS, type AccountantName, calibrateNoise } from './accountants.ts';
import { parseDpEvent } from './parse-event.ts';

/** In the place of the noise in a template. */
const PLACEHOLDER = '$NOISE_MULTIPLIER';
/** An event of the deepest tree lies within lists and objects. */
const MAX_TEMPLATE_DEPTH = 40;

/**
 * Never throws for what the question is.
 * @param question attacker-controlled
 */
export function answerQuestion(question: unknown): PrivacyAnswer {
  const { id, kind } = markOf(question);
  try {
    const figures =
      kind === 'calibrate'
        ? calibrated(parse(CalibrateQuestion, question, 'line'))
        : accounted(parse(AccountQuestion, question, 'line'));
    return { id, ...figures };
  } catch (error) {
    return { id, ...refusalOf(error) };
  }
}

/** Of a line that could not be read. Throws what is no problem. */
export function refusalOf(error: unknown): { readonly refused: string; readonly reason: string } {
  if (!isProblem(error)) throw error;
  return { refused: error.code, reason: error.message };
}

type Figures = Omit<PrivacyAnswer, 'id'>;

function accounted({ event: value, neighbouring, deltas }: Static<typeof AccountQuestion>): Figures {
  const event = parseDpEvent(value);
  const relation: Neighbouring = neighbouring ?? 'add-or-remove-one';
  const figures: Partial<Record<AccountantName, EpsilonByDelta>> = {};
  let refusal: unknown;
  for (const name of ['rdp', 'pld'] as const) {
    const accountant = ACCOUNTANTS[name];
    try {
      const entries = deltas.map((delta) => {
        const epsilon = accountant(event, relation, delta);
        return [String(delta), Number.isFinite(epsilon) ? epsilon : 'inf'] as const;
      });
      figures[name] = { epsilon: Object.fromEntries(entries) };
    } catch (error) {
      if (!isProblem(error, 'eventUnsupported')) throw error;
      refusal ??= error;
    }
  }
  if (Object.keys(figures).length === 0) throw refusal;
  return { neighbouring: relation, ...figures };
}

function calibrated(question: Static<typeof CalibrateQuestion>): Figures {
  const { accountant, targetEpsilon, delta, eventTemplate } = question;
  const neighbouring = question.neighbouring ?? 'add-or-remove-one';
  const eventOf = (noise: number) => {
    const { value, count } = filled(eventTemplate, noise, 0);
    if (count > 0) return parseDpEvent(value, 'eventTemplate');
    throw new HanseError('invalidFormat', { where: 'eventTemplate', expected: `a place for ${PLACEHOLDER}` });
  };
  eventOf(1);
  const found = calibrateNoise(ACCOUNTANTS[accountant], eventOf, neighbouring, targetEpsilon, delta);
  return { neighbouring, ...found };
}

interface Filled {
  readonly value: unknown;
  /** How many places there were. */
  readonly count: number;
}

function filled(template: unknown, noise: number, depth: number): Filled {
  if (template === PLACEHOLDER) return { value: noise, count: 1 };
  if (typeof template !== 'object' || template === null) return { value: template, count: 0 };
  if (depth > MAX_TEMPLATE_DEPTH)
    throw new HanseError('invalidFormat', { where: 'eventTemplate', expected: 'a tree of fewer levels' });
  const parts = Object.entries(template).map(([key, part]) => [key, filled(part, noise, depth + 1)] as const);
  const count = parts.reduce((sum, [, part]) => sum + part.count, 0);
  const value = Array.isArray(template)
    ? parts.map(([, part]) => part.value)
    : Object.fromEntries(parts.map(([key, part]) => [key, part.value]));
  return { value, count };
}

/** For answers to what is no question. */
function markOf(question: unknown): { readonly id: string | number | null; readonly kind: unknown } {
  if (typeof question !== 'object' || question === null) return { id: null, kind: undefined };
  const { id, kind } = question as { readonly id?: unknown; readonly kind?: unknown };
  const isId = (typeof id === 'string' && id.length <= 200) || typeof id === 'number';
  return { id: isId ? id : null, kind };
}
