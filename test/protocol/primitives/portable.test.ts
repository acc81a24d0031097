// covers: protocol/primitives/portable.ts, protocol/primitives/require-length.ts
import { primitives as node } from '../../../protocol/primitives/node.ts';
import { portable } from '../../../protocol/primitives/portable.ts';
import { primitivesContract } from '../../contract/primitives.ts';

primitivesContract('@noble', { ...portable, random: node.random });
