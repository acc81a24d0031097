/**
 * A grid for a question to several owners that leaves it out: the finest of 1, 2 or 5 times a power of ten on which both bounds
 * lie and for which there is noise. It follows from the question, never from data.
 */
import type { StatisticQuestion } from '../../../schemas/statistic-question.ts';
import { isProblem } from '../../problem.ts';
import { planOfStatistic, type StatisticTerms } from './statistic-job.ts';
import { gridOf } from './value-grid.ts';

/** From the grid of a question to one owner on; the coarsest has one step between the bounds or more. */
const COARSER = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000];

/**
 * The question with its step said; itself where it has one, or none can help.
 * @throws `statisticRefused` for bounds that no grid can have
 */
export function withFittingGrid(terms: StatisticTerms, delta: number): StatisticQuestion {
  const { question } = terms.statistic;
  if (!('lower' in question) || question.step !== undefined) return question;
  const finest = gridOf(question).step;
  for (const times of COARSER) {
    const asked = { ...question, step: Number((finest * times).toPrecision(1)) };
    if (isAnswerable({ ...terms, statistic: { ...terms.statistic, question: asked } }, delta)) return asked;
  }
  return question;
}

function isAnswerable(terms: StatisticTerms, delta: number): boolean {
  try {
    planOfStatistic(terms, delta);
    return true;
  } catch (error) {
    if (isProblem(error, 'noiseTableTooLarge') || isProblem(error, 'statisticRefused')) return false;
    throw error;
  }
}
