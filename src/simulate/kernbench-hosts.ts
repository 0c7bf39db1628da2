/**
 * The hosts of the thread, as they were measured: what kernbench is calibrated on (the CURRENT column), and what it is held
 * against (the other). Figures of the optimal load are, but for the elapsed time, averages over both loads: kernbench resets
 * only that accumulator between its groups.
 */

/** A mean with its standard deviation. */
export interface Figure {
  readonly mean: number
  readonly sd: number
}

/** One group of runs in kernbench's own six figures. */
export interface KernbenchGroup {
  readonly elapsed: Figure
  readonly user: Figure
  readonly system: Figure
  readonly percent: Figure
  readonly switches: Figure
  readonly sleeps: Figure
}

export const FIGURES = ['elapsed', 'user', 'system', 'percent', 'switches', 'sleeps'] as const
export type FigureName = (typeof FIGURES)[number]

/** kernbench's groups, in its order. */
export const LOADS = ['single', 'half', 'optimal', 'maximal'] as const
export type Load = (typeof LOADS)[number]

/** A host of the thread. */
export interface KernbenchHost {
  readonly cpus: number
  readonly runs: number
  readonly current: Readonly<Record<'half' | 'optimal', KernbenchGroup>>
  readonly rcu: Readonly<Record<'half' | 'optimal', KernbenchGroup>>
}

function group(...pairs: readonly (readonly [number, number])[]): KernbenchGroup {
  return Object.fromEntries(
    FIGURES.map((name, i) => [name, { mean: pairs[i]![0], sd: pairs[i]![1] }]),
  ) as unknown as KernbenchGroup
}

/** Vitaly Kuznetsov's mail of 2017-08-16; ten runs of each load. */
export const THREAD_HOSTS: readonly KernbenchHost[] = [
  {
    cpus: 6,
    runs: 10,
    current: {
      half: group(
        [400.498, 0.179679],
        [1098.72, 0.278536],
        [100.301, 0.201629],
        [299, 0],
        [5774.1, 69.2121],
        [87621.2, 78.1093],
      ),
      optimal: group(
        [219.03, 0.652534],
        [1119.51, 21.3284],
        [100.499, 0.389308],
        [432.5, 136.974],
        [81827.4, 78029.5],
        [97124.8, 9822.4],
      ),
    },
    rcu: {
      half: group(
        [399.909, 0.162853],
        [1097.59, 0.283894],
        [99.736, 0.196254],
        [299, 0],
        [5744.4, 79.4162],
        [87586.1, 99.7079],
      ),
      optimal: group(
        [218.959, 0.598674],
        [1118.81, 21.7793],
        [99.8335, 0.251423],
        [432.45, 136.922],
        [81818.5, 78051],
        [97207.9, 9955.04],
      ),
    },
  },
  {
    cpus: 16,
    runs: 10,
    current: {
      half: group(
        [213.538, 3.7891],
        [1306.4, 1.83399],
        [194.59, 0.864378],
        [702.6, 13.5388],
        [21189.2, 1199.4],
        [89390.2, 482.325],
      ),
      optimal: group(
        [137.866, 0.787928],
        [1488.92, 192.399],
        [234.981, 42.5806],
        [1057.1, 373.826],
        [187514, 175324],
        [112633, 24535.5],
      ),
    },
    rcu: {
      half: group(
        [212.5, 3.10939],
        [1307.65, 1.01364],
        [195.478, 0.794588],
        [707, 11.1131],
        [21288.2, 552.388],
        [89677, 277.06],
      ),
      optimal: group(
        [138.438, 0.218792],
        [1489.92, 192.135],
        [236.09, 42.8138],
        [1057.1, 369.114],
        [187358, 175060],
        [111743, 23297.6],
      ),
    },
  },
]
