/** The tests of herd's x86_64 catalogue by shape: verdicts, and how many outcomes there are under SC and under TSO. */
import type { Shape } from './language.ts'

export interface CatalogueShape extends Shape {
  readonly tso: 'Allow' | 'Forbid'
  /** Distinct (registers, memory), under SC and TSO. None is allowed under SC. */
  readonly outcomes: readonly [sc: number, tso: number]
}

function shape(
  name: string,
  tso: 'Allow' | 'Forbid',
  outcomes: readonly [number, number],
  threads: string,
  final?: string,
): CatalogueShape {
  return { name, tso, outcomes, threads, ...(final === undefined ? {} : { final }) }
}

export const CATALOGUE: readonly CatalogueShape[] = [
  shape('2+2W', 'Forbid', [3, 3], 'Wx2;Wy1 || Wy2;Wx1', 'x=2,y=2'),
  shape('LB', 'Forbid', [3, 3], 'Rx1;Wy1 || Ry1;Wx1'),
  shape('MP', 'Forbid', [3, 3], 'Wx1;Wy1 || Ry1;Rx0'),
  shape('MP+po+po-rfi-po', 'Forbid', [3, 3], 'Wx1;Wy1 || Ry1;Wz1;Rz1;Rx0'),
  shape('R', 'Allow', [3, 4], 'Wx1;Wy1 || Wy2;Rx0', 'y=2'),
  shape('R+po+mfence', 'Forbid', [3, 3], 'Wx1;Wy1 || Wy2;F;Rx0', 'y=2'),
  shape('R+po+po-rfi-po', 'Allow', [3, 4], 'Wx1;Wy1 || Wy2;Wz1;Rz1;Rx0', 'y=2'),
  shape('R+po+rfi-po', 'Allow', [4, 5], 'Wx1;Wy1 || Wy2;Ry2;Rx0', 'y=2'),
  shape('RWC', 'Allow', [7, 8], 'Wx1 || Rx1;Ry0 || Wy1;Rx0'),
  shape('RWC+po+mfence', 'Forbid', [7, 7], 'Wx1 || Rx1;Ry0 || Wy1;F;Rx0'),
  shape('RWC+po+rfi-po', 'Allow', [7, 8], 'Wx1 || Rx1;Ry0 || Wy1;Ry1;Rx0'),
  shape('S', 'Forbid', [3, 3], 'Wx2;Wy1 || Ry1;Wx1', 'x=2'),
  shape('SB', 'Allow', [3, 4], 'Wx1;Ry0 || Wy1;Rx0'),
  shape('SB+mfence+po', 'Allow', [3, 4], 'Wx1;F;Ry0 || Wy1;Rx0'),
  shape('SB+mfence+po-rfi-po', 'Allow', [3, 4], 'Wx1;F;Ry0 || Wy1;Wz1;Rz1;Rx0'),
  shape('SB+mfence+rfi-po', 'Allow', [3, 4], 'Wx1;F;Ry0 || Wy1;Ry1;Rx0'),
  shape('SB+mfences', 'Forbid', [3, 3], 'Wx1;F;Ry0 || Wy1;F;Rx0'),
  shape('SB+po+po-rfi-po', 'Allow', [3, 4], 'Wx1;Ry0 || Wy1;Wz1;Rz1;Rx0'),
  shape('SB+po+rfi-po', 'Allow', [3, 4], 'Wx1;Ry0 || Wy1;Ry1;Rx0'),
  shape('SB+rfi-po+po-rfi-po', 'Allow', [3, 4], 'Wx1;Rx1;Ry0 || Wy1;Wz1;Rz1;Rx0'),
  shape('SB+rfi-pos', 'Allow', [3, 4], 'Wx1;Rx1;Ry0 || Wy1;Ry1;Rx0'),
  shape('WRC', 'Forbid', [7, 7], 'Wx1 || Rx1;Wy1 || Ry1;Rx0'),
  shape('WRR+2W', 'Forbid', [9, 9], 'Wx2 || Rx2;Ry0 || Wy1;Wx1', 'x=2'),
  shape('WRW+2W', 'Forbid', [9, 9], 'Wx2 || Rx2;Wy1 || Wy2;Wx1', 'x=2,y=2'),
  shape('WRW+WR', 'Allow', [7, 8], 'Wx1 || Rx1;Wy1 || Wy2;Rx0', 'y=2'),
  shape('WRW+WR+po+mfence', 'Forbid', [7, 7], 'Wx1 || Rx1;Wy1 || Wy2;F;Rx0', 'y=2'),
  shape('WRW+WR+po+rfi-po', 'Allow', [10, 11], 'Wx1 || Rx1;Wy1 || Wy2;Ry2;Rx0', 'y=2'),
  shape('WWC', 'Forbid', [9, 9], 'Wx2 || Rx2;Wy1 || Ry1;Wx1', 'x=2'),
]
