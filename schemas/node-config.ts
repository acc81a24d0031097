/**
 * The configuration file of a node that runs as a service: where it belongs, what it trains on, what its owner permits.
 * It holds no secret; the key of the node is in the identity file. Paths in it begin at the folder of the file.
 */
import { type Static, Type } from 'typebox';
import { DataTerms } from './data-terms.ts';
import { DataSetVersion, PRINTABLE } from './ids.ts';
import { DisplayName } from './member.ts';
import { CostLimits, NodePolicy } from './node-policy.ts';
import { BudgetUnit } from './privacy-ledger.ts';
import { ProviderName } from './provider.ts';

const closed = { additionalProperties: false } as const;

const Path = Type.String({ minLength: 1, maxLength: 4096 });
const ColumnName = Type.String({ minLength: 1, maxLength: 200 });

/** Which columns of a CSV file are read, and as what. */
export const ConfigColumns = Type.Object(
  {
    /** In the order in which the model takes them. */
    features: Type.Array(ColumnName, { minItems: 1, maxItems: 100_000 }),
    target: ColumnName,
    /** The target is one of these, a label is its position; absent: it is a number. */
    classes: Type.Optional(Type.Array(ColumnName, { minItems: 2, maxItems: 100_000 })),
    /** Tells persons apart, for jobs that protect each person with all rows; what it holds is not kept. */
    person: Type.Optional(ColumnName),
  },
  closed,
);
export type ConfigColumns = Static<typeof ConfigColumns>;

/** What all jobs together may cost those whom a data set is about; what was spent of it is in the ledger of the node. */
export const DataBudget = Type.Object(
  {
    epsilon: Type.Number({ exclusiveMinimum: 0, maximum: 1e6 }),
    delta: Type.Number({ exclusiveMinimum: 0, exclusiveMaximum: 1 }),
    /** Whose data are protected; absent: each example. */
    unit: Type.Optional(BudgetUnit),
  },
  closed,
);
export type DataBudget = Static<typeof DataBudget>;

export const ConfigDataSet = Type.Object(
  {
    /** What other members see it by. */
    name: DisplayName,
    version: DataSetVersion,
    ...DataTerms.properties,
    /** To the lawful basis, in words. It stays in this file. */
    note: Type.Optional(Type.String({ minLength: 1, maxLength: 1000, pattern: PRINTABLE })),
    /** As `--data` of `hanse join`. */
    source: Type.String({
      minLength: 1,
      maxLength: 8192,
      pattern: '^(?:mnist:|spam:|idx:|csv:)',
      description: 'csv:<file>, idx:<images>,<labels>, mnist:train, mnist:test, spam:train or spam:test',
    }),
    columns: Type.Optional(ConfigColumns),
    /** A JSON file with the numbers of the rows to use. */
    rows: Type.Optional(Path),
    /** Take part although all labels are the same. */
    allowSingleClass: Type.Optional(Type.Boolean()),
    /** Absent: no job that promises privacy is trained on it. */
    privacy: Type.Optional(Type.Object({ budget: DataBudget }, closed)),
  },
  closed,
);
export type ConfigDataSet = Static<typeof ConfigDataSet>;

/** What the node may use of its machine, and what one job may cost. */
export const ConfigLimits = Type.Object(
  {
    /** For training; absent: 1. */
    threads: Type.Optional(Type.Integer({ minimum: 1, maximum: 1024 })),
    ...CostLimits.properties,
  },
  closed,
);
export type ConfigLimits = Static<typeof ConfigLimits>;

export const NodeConfig = Type.Object(
  {
    /** The file with the key of the node. */
    identity: Path,
    /** Origin at which the coordinator is reached, if it is another than that of the invite link. */
    server: Type.Optional(
      Type.String({ pattern: '^https?://[^/]+$', maxLength: 300, description: 'https://hanse.example' }),
    ),
    /** Certificates that the coordinator is trusted by, and no others; kept with the identity. */
    ca: Type.Optional(Path),
    /** Through which the coordinator is reached; absent: as the environment says. It holds no password. */
    proxy: Type.Optional(Type.String({ minLength: 1, maxLength: 300 })),
    /** Its first line opens the key. */
    passphraseFile: Type.Optional(Path),
    /** What admits the node when it enrols: the word of whoever keeps the key of its organisation, or a file with it. */
    admission: Type.Optional(Type.String({ minLength: 1, maxLength: 300 })),
    organisationKey: Type.Optional(Path),
    /** What the node is called, where it enrols; absent: the name of the machine. */
    name: Type.Optional(DisplayName),
    provider: Type.Optional(Type.Union([Type.Literal('auto'), ...ProviderName.anyOf])),
    /** A job is trained on the first whose shapes it takes. */
    data: Type.Array(ConfigDataSet, { minItems: 1, maxItems: 64 }),
    policy: Type.Optional(NodePolicy),
    limits: Type.Optional(ConfigLimits),
  },
  closed,
);
export type NodeConfig = Static<typeof NodeConfig>;
