/**
 * The configuration file of a node, read and checked: its form, and what no schema can say. Node only.
 */
import { stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { termsFault } from '../../protocol/compliance/retention-period.ts';
import { isTimeZone } from '../../protocol/exchange/hours.ts';
import { isLoopback } from '../../protocol/loopback.ts';
import { HanseError } from '../../protocol/problem.ts';
import { type ConfigDataSet, NodeConfig } from '../../schemas/node-config.ts';
import type { NodePolicy } from '../../schemas/node-policy.ts';
import { csvSchema } from '../data/csv.ts';
import { readDataFile } from '../data/data-file.ts';
import type { DataSource } from '../data/data-source.ts';
import { isForwardOperator, supportedOperators } from '../graph/forward-operators.ts';
import { accessFaults } from './access-faults.ts';
import { type ConfigFault, configFaults } from './config-faults.ts';
import { dataFaults } from './data-faults.ts';
import { nearestName } from './nearest-name.ts';
import { type PlacedFault, parsePlacedYaml, pointerTo } from './placed-yaml.ts';

const CONFIG_BYTES_MAX = 1_048_576;

export interface CheckedConfig {
  /** Absent if there is a fault. Paths are absolute. */
  readonly config?: NodeConfig;
  /** By line. */
  readonly faults: readonly PlacedFault[];
}

/**
 * @param opensData whether the data are read too, which takes as long as it takes
 * @throws `dataFileMissing`, `dataMalformed` where the file cannot be read at all
 */
export async function checkNodeConfig(
  file: string,
  { opensData = false }: { readonly opensData?: boolean } = {},
): Promise<CheckedConfig> {
  const text = new TextDecoder().decode(await readDataFile(file, CONFIG_BYTES_MAX));
  const { value, lineOf, faults: ofText } = parsePlacedYaml(text);
  if (ofText.length > 0) return { faults: ofText };
  const given = withoutEmptySections(value);
  const ofForm = configFaults(NodeConfig, given).map(advised);
  const config = ofForm.length === 0 ? withPaths(given as NodeConfig, dirname(file)) : undefined;
  const told = config ? [...contradictions(config)] : ofForm;
  let found = told;
  if (config && found.length === 0)
    found = [...(await missingFiles(config)), ...(await accessFaults(config))];
  if (config && found.length === 0 && opensData) found = await dataFaults(config, sourceOf);
  const faults = found
    .map((fault) => ({ ...fault, line: lineOf(fault.pointer) }))
    .sort((a, b) => a.line - b.line);
  return config && faults.length === 0 ? { config, faults } : { faults };
}

/** Throws `configInvalid` with the first fault, and as `checkNodeConfig`. */
export async function readNodeConfig(file: string): Promise<NodeConfig> {
  const { config, faults } = await checkNodeConfig(file);
  if (config) return config;
  const [first] = faults;
  const { line = 1, pointer = '', reason = 'cannot be read' } = first ?? {};
  throw new HanseError('configInvalid', { file, line, pointer, reason });
}

/** A data set of the file as `loadExamples` takes it. */
export function sourceOf({ source, rows, columns }: ConfigDataSet): DataSource {
  return {
    data: source,
    ...(rows !== undefined && { rows }),
    ...(columns && { columns: csvSchema(columns.features, columns.target, columns.classes, columns.person) }),
  };
}

/**
 * A section in which every line is commented out is as good as absent. Not so a key: `purposes` without one would come
 * to mean all.
 */
function withoutEmptySections(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const isEmpty = ([key, member]: [string, unknown]) =>
    (key === 'policy' || key === 'limits') && member === null;
  return Object.fromEntries(Object.entries(value).filter((entry) => !isEmpty(entry)));
}

const PATHS: ReadonlySet<string> = new Set<keyof NodeConfig>([
  'identity',
  'ca',
  'passphraseFile',
  'organisationKey',
]);

/** With every path from the folder of the file on. */
function withPaths(config: NodeConfig, folder: string): NodeConfig {
  const data = config.data.map(({ source, rows, ...rest }) => {
    const kind = source.slice(0, source.indexOf(':') + 1);
    const paths = filesOf(source).map((path) => resolve(folder, path));
    return {
      ...rest,
      source: paths.length > 0 ? `${kind}${paths.join(',')}` : source,
      ...(rows !== undefined && { rows: resolve(folder, rows) }),
    };
  });
  const paths = Object.entries(config).flatMap(([key, value]) =>
    PATHS.has(key) ? [[key, resolve(folder, String(value))]] : [],
  );
  return { ...config, ...Object.fromEntries(paths), data };
}

/** Files of earlier versions lack them: what to do is said with the fault. */
function advised(fault: ConfigFault): ConfigFault {
  const isOfTerms = /^\/data\/\d+\/(?:origin|lawfulBasis|retention|contact)$/.test(fault.pointer);
  if (!isOfTerms || fault.reason !== 'is missing') return fault;
  return {
    ...fault,
    reason:
      'is missing: a data set says where it is from, what permits its use, until when, and whom to ask (hanse config init)',
  };
}

/** Paths that a source names. */
function filesOf(source: string): string[] {
  if (source.startsWith('csv:')) return [source.slice(4)].filter((path) => path !== '');
  return source.startsWith('idx:')
    ? source
        .slice(4)
        .split(',')
        .filter((path) => path !== '')
    : [];
}

function* contradictions({ server, policy = {}, data }: NodeConfig): Iterable<ConfigFault> {
  if (server?.startsWith('http:') && !isLoopback(hostOf(server)))
    yield { pointer: '/server', reason: 'must be https: plain HTTP is for this machine alone' };
  const { timeZone, minimumKnownOrganisations = 0, knownOrganisations = [] } = policy;
  if (timeZone !== undefined && !isTimeZone(timeZone))
    yield { pointer: '/policy/timeZone', reason: 'is no time zone that is known here; write Europe/Berlin' };
  if (minimumKnownOrganisations > new Set(knownOrganisations).size)
    yield {
      pointer: '/policy/minimumKnownOrganisations',
      reason: `is more than knownOrganisations lists: no job would ever be permitted`,
    };
  yield* contradictionsOfPolicy(policy);
  const names = new Set<string>();
  for (const [index, set] of data.entries()) {
    const place = pointerTo('/data', index);
    if (names.has(set.name)) yield { pointer: `${place}/name`, reason: 'is the name of another data set' };
    names.add(set.name);
    yield* contradictionsOf(set, place);
  }
}

function* contradictionsOfPolicy(policy: NodePolicy): Iterable<ConfigFault> {
  const { organisations = [], excludedOrganisations = [], operators = [] } = policy;
  for (const [index, name] of organisations.entries())
    if (excludedOrganisations.includes(name))
      yield {
        pointer: pointerTo('/policy/organisations', index),
        reason: 'is one of excludedOrganisations too: it would not be served',
      };
  for (const [index, operator] of operators.entries()) {
    if (isForwardOperator(operator)) continue;
    const near = nearestName(operator, supportedOperators());
    yield {
      pointer: pointerTo('/policy/operators', index),
      reason: `is no operator that models may have${near === undefined ? '' : `; is it ${near}?`}`,
    };
  }
}

function* contradictionsOf(set: ConfigDataSet, place: string): Iterable<ConfigFault> {
  const { source, columns } = set;
  const fault = termsFault(set);
  if (fault) yield { pointer: `${place}/${fault.member}`, reason: fault.reason };
  const [kind = '', rest = ''] = [source.slice(0, 4), source.slice(source.indexOf(':') + 1)];
  const isWhole =
    kind === 'csv:'
      ? rest !== ''
      : kind === 'idx:'
        ? filesOf(source).length === 2
        : rest === 'train' || rest === 'test';
  if (!isWhole)
    yield {
      pointer: `${place}/source`,
      reason: 'must be csv:<file>, idx:<images>,<labels>, mnist:train, mnist:test, spam:train or spam:test',
    };
  else if (kind === 'csv:' && !columns)
    yield { pointer: `${place}/columns`, reason: 'is missing: a CSV file needs it' };
  else if (kind !== 'csv:' && columns)
    yield { pointer: `${place}/columns`, reason: 'belongs to CSV files, and this is none' };
}

async function missingFiles({ data }: NodeConfig): Promise<ConfigFault[]> {
  const named = data.flatMap(({ source, rows }, index) => [
    ...filesOf(source).map((path) => ({ path, pointer: `/data/${index}/source` })),
    ...(rows === undefined ? [] : [{ path: rows, pointer: `/data/${index}/rows` }]),
  ]);
  const isThere = await Promise.all(named.map(({ path }) => isFile(path)));
  return named
    .filter((_, index) => !isThere[index])
    .map(({ path, pointer }) => ({ pointer, reason: `names a file that is not there: ${path}` }));
}

function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}

function hostOf(origin: string): string {
  try {
    return new URL(origin).hostname;
  } catch {
    return '';
  }
}
