/**
 * Whatever goes wrong with a request becomes an answer (RFC 9457): problems as they are, all else under a reference by
 * which the operator finds it in the log.
 */
import { randomUUID } from 'node:crypto';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '../../protocol/clock.ts';
import { HanseError } from '../../protocol/problem.ts';
import { formatRange, VERSION_HEADER, type VersionRange } from '../../protocol/versions.ts';
import { decidedBy } from '../access/authorizer.ts';
import type { DeniedAccess } from '../denied-access.ts';
import { type Report, seldom } from '../seldom-report.ts';
import type { Metrics } from './metrics.ts';
import {
  isOfTheStorage,
  isTellable,
  ofFastifyError,
  PROBLEM_MEDIA_TYPE,
  toProblemDetails,
} from './problem-details.ts';

interface ProblemAnswersOptions {
  readonly metrics: Pick<Metrics, 'countProblem'>;
  /** Receives what goes wrong inside, with the reference that the caller is told. */
  readonly report: Report;
  readonly clock: Clock;
  readonly protocol: VersionRange;
  /** Told of requests that were refused; absent: nobody is. */
  readonly denied?: Pick<DeniedAccess, 'count'> | undefined;
}

export class ProblemAnswers {
  readonly #options: ProblemAnswersOptions;
  readonly #reportSeldom: ReturnType<typeof seldom>;

  constructor(options: ProblemAnswersOptions) {
    this.#options = options;
    this.#reportSeldom = seldom(options.report, options.clock);
  }

  ofError(error: FastifyError | HanseError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const problem = this.#asProblem(error, request);
    this.#options.denied?.count(problem.code, request.signer, decidedBy(problem));
    return this.ofProblem(problem, reply);
  }

  ofProblem(problem: HanseError, reply: FastifyReply): FastifyReply {
    const { metrics, protocol } = this.#options;
    metrics.countProblem(problem.code);
    const details = toProblemDetails(problem);
    reply.header(VERSION_HEADER, formatRange(protocol));
    reply.header('cache-control', 'no-store'); // whatever was to be said of the content
    return reply.code(details.status).type(PROBLEM_MEDIA_TYPE).send(details);
  }

  /** What may be told; anything else goes to the operator, under a reference that the caller gets. */
  #asProblem(error: FastifyError | HanseError, request: FastifyRequest): HanseError {
    const { url = '', bodyLimit } = request.routeOptions;
    const doing = `${request.method} ${url}`;
    const problem = isTellable(error) ? error : ofFastifyError(error as FastifyError, bodyLimit);
    if (problem) {
      if (isOfTheStorage(problem)) this.#reportSeldom(problem.code, problem, doing);
      return problem;
    }
    const reference = randomUUID();
    this.#options.report(error, `${doing}, reference ${reference}`);
    return new HanseError('internalError', { reference });
  }
}
