/**
 * What is wrong with the data that a configuration file names: they are read as `hanse join` would read them. Nothing of
 * their content is in a message. Node only.
 */
import { HanseError, isProblem } from '../../protocol/problem.ts';
import type { ConfigDataSet, NodeConfig } from '../../schemas/node-config.ts';
import { type DataSource, loadExamples } from '../data/data-source.ts';
import type { ConfigFault } from './config-faults.ts';
import { pointerTo } from './placed-yaml.ts';

/**
 * One data set after the other, so that no two are in memory at once.
 * @param sourceOf a data set as `loadExamples` takes it; paths are absolute
 */
export async function dataFaults(
  { data }: NodeConfig,
  sourceOf: (set: ConfigDataSet) => DataSource,
): Promise<ConfigFault[]> {
  const faults: ConfigFault[] = [];
  for (const [index, set] of data.entries()) {
    const error = await firstFault(sourceOf(set));
    if (error) faults.push(placed(error, set, pointerTo('/data', index)));
  }
  return faults;
}

async function firstFault(source: DataSource): Promise<HanseError | undefined> {
  try {
    const { count, name } = await loadExamples(source);
    return count === 0 ? new HanseError('dataEmpty', { source: name }) : undefined;
  } catch (error) {
    if (error instanceof HanseError) return error;
    throw error;
  }
}

function placed(error: HanseError, { source, rows }: ConfigDataSet, place: string): ConfigFault {
  if (isProblem(error, 'dataEmpty'))
    return { pointer: `${place}/${error.detail.source === rows ? 'rows' : 'source'}`, reason: 'has no rows' };
  if (isProblem(error, 'invalidFormat') && error.detail.where.startsWith(rows ?? '\0'))
    return { pointer: `${place}/rows`, reason: error.message };
  if (!isProblem(error, 'dataMalformed')) return { pointer: `${place}/source`, reason: error.message };
  const { file, reason } = error.detail;
  const isOfHeader = source.startsWith('csv:') && /: (?:no|two) columns? "/.test(reason);
  const key = file === rows ? 'rows' : isOfHeader ? 'columns' : 'source';
  return { pointer: `${place}/${key}`, reason: `does not fit ${file}, ${reason}` };
}
