/**
 * `hanse graph step|compile|check`: what a model becomes when it is trained, and whether its gradients are right.
 */
import { checkCommand } from './graph-check.ts';
import { compileCommand } from './graph-compile.ts';
import { stepCommand } from './graph-step.ts';

export const graphCommands = { step: stepCommand, compile: compileCommand, check: checkCommand };
