/**
 * The frozen transcripts by the primitives of the platform, and a small one by those of @noble: the rest is slow.
 */
import { primitives } from '#primitives';
import { portable } from '../../../protocol/primitives/portable.ts';
import { tamperContract, transcriptContract } from '../../contract/transcripts.ts';

transcriptContract('of this platform', primitives, 'complete');
transcriptContract('of this platform', primitives, 'dropouts');
transcriptContract('of @noble', { ...portable, random: primitives.random }, 'complete');
tamperContract('complete');
