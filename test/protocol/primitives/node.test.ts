import { primitives } from '../../../protocol/primitives/node.ts';
import { primitivesContract } from '../../contract/primitives.ts';

primitivesContract('node:crypto', primitives);
