/**
 * The configuration file that `hanse config init` writes: every key with what it means. Those that are not needed are
 * commented out, and hold when the mark before them is taken away.
 */
export const EXAMPLE_CONFIG = `# The configuration of a Hanse node. YAML; paths begin at the folder of this file.
#   hanse config check node.yaml               is it right?
#   hanse join "<link>" --config node.yaml     the first start, with the invite link of the operator
#   hanse join --config node.yaml              every other

# The file with the key of this node. It is secret; this file is not.
identity: identity.json

# What the node is called when it enrols. Absent: the name of this machine.
#name: clinic-a-node-1

# Where the coordinator is reached, if not at the address of the invite link. Its key is the same, or it is refused.
#server: https://hanse.example

# How it is reached and trusted. Certificates are kept with the identity; a proxy with a password belongs into HTTPS_PROXY.
#ca: coordinator.pem
#proxy: http://proxy.example:3128

# The file whose first line opens the key of this node, if that is encrypted.
#passphraseFile: passphrase

# What admits a further node of an organisation when it enrols: the key of the organisation, or in its place, as
# "admission: <word>", what hanse organisation admit printed.
#organisationKey: organisation.key

# Where to train: auto, cpu, wasm, webgpu or cuda.
#provider: auto

# What to train on. A job is trained on the first data set whose shapes it takes.
data:
  - name: patients            # what other members see
    version: "1"              # changes whenever the rows change: hanse data withdraw does it
    # On what terms it may be used. Operators of the coordinator are told, but for the note.
    origin: visits of clinic A, 2021 to 2024
    lawfulBasis: consent      # or contract, legalObligation, vitalInterests, publicTask, legitimateInterests,
                              # publicReporting, disclosedByPerson, otherLaw, notPersonal
    #note: form 12b, version of 2020
    retention: 2021-01-01/P20Y  # first day and duration; or the last day: 2040-12-31. Then it is used no more
    contact: data-protection@clinic-a.example
    source: csv:patients.csv  # or idx:<images>,<labels>; mnist:train and the like for experiments
    columns:
      features: [age, bmi]    # in the order in which the model takes them
      target: risk
      #classes: [low, high]   # absent: the target is a number
      #person: patient        # tells persons apart, for jobs that protect each with all rows
    #rows: rows.json          # only these rows: a JSON array of row numbers, from 0
    #allowSingleClass: false  # take part although all labels are the same
    #privacy:                 # what all jobs together may cost; hanse privacy ledger shows what is left. Absent: none
      #budget: { epsilon: 8, delta: 1.0e-6, unit: example }  # or person, participant

# What the owner of this node permits. It stays here, and nothing that a coordinator sends can widen it.
policy:
  #purposes: ["research *"]             # of jobs; * is any run of characters, ? one. Absent: all
  #organisations: [clinic-b.example]    # whose jobs to serve: ids or, better, public keys. Absent: everybody's
  #excludedOrganisations: [insurer.example]  # whose jobs not to serve, and with whom not to be in a cohort
  # The SHA-256 of forward graphs and train steps that may be run, as hanse graph compile prints them. Absent: all
  #graphHashes: [9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08]
  #operators: [Gemm, Relu]              # that a model may be made of. Absent: all that are supported
  #allowPlainAggregation: true          # take part also where the coordinator sees each update. Absent: only sums
  #requirePrivacy: true                 # only jobs that promise differential privacy
  #allowTrustedCoordinator: true        # take part also where the coordinator adds the noise. Absent: participants
  #budget: { epsilon: 2, delta: 1.0e-6 }  # the most that one job may promise away; one without a promise is refused
  #minimumCohort: 3                     # at least so many updates in every model
  #knownOrganisations: [clinic-b.example, clinic-c.example]  # ids or, better, public keys
  #minimumKnownOrganisations: 1         # so many of them in the cohort
  #hours:                               # when to take part. Absent: always
    #- { from: "20:00", to: "06:00", weekdays: [mon, tue, wed, thu, fri] }
  #timeZone: Europe/Berlin              # of the hours. Absent: UTC

# What the node may use, and what one job may cost. Absent: no limit, and one thread.
limits:
  #threads: 2
  #memoryMegabytes: 2000       # that a train step is estimated to need; the coordinator is told
  #roundsPerJob: 1000
  #examplesPerRound: 1000000   # examples times passes over them
  #secondsPerRound: 600        # of training, as measured here
  #secondsPerJob: 86400
  #bytesUpPerRound: 100000000
  #bytesDownPerRound: 100000000
`;
