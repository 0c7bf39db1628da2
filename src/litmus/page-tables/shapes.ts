/**
 * The hand-written enhanced litmus tests of COATCheck and TransForm by shape, with their published verdicts. The public files
 * fix the program, who walks, and which accesses share a frame; where they leave values open, the outcome here is ours.
 */

export interface PageTableShape {
  readonly name: string
  readonly published: 'permitted' | 'forbidden'
  /** See `steps.ts`. */
  readonly threads: string
  /** Accesses of each thread count from 0: `0.1@N` is at frame N, `0.1=2` has the value 2. */
  readonly outcome: string
}

type Row = readonly [name: string, threads: string, outcome: string]

function shapes(published: PageTableShape['published'], rows: readonly Row[]): PageTableShape[] {
  return rows.map(([name, threads, outcome]) => ({ name, published, threads, outcome }))
}

/** WPTE, INVLPG on the own CPU, the IPI, and accesses; and the other CPU. */
const IPI = 'v=N;Iv;S;Wu1;Ru;Rv*'

export const PAGE_TABLE_SHAPES: readonly PageTableShape[] = [
  ...shapes('permitted', [
    ['null', 'Wv1', '0.0@V'],
    ['readfrominitial', 'Rv', '0.0@V=0'],
    ['rftest', 'Wv1 || Rv', '1.0=1'],
    ['ghosttest', 'Wv1! || Wu1!', '0.0@V 1.0@U'],
    ['ptwalk3', 'Rv*;Rv*', '0.0@V 0.1@V'],
    ['invlpgtest', 'Iv;Rv*', '0.0@V'],
    ['ptwalktest', 'v=N;Iv;Wv1*;Rv*', '0.0@N 0.1@N=1'],
  ]),
  ...shapes('forbidden', [
    ['ptwalk2', 'v=N;Iv;Rv*', '0.0@V'],
    ['mrf1', 'v=N;Rv', '0.0@V'],
  ]),
  ...shapes('permitted', [
    ['dirtybittest', 'Wv1*!;Rv*', '0.0@V 0.1@V=1'],
    ['dirtybit5', 'Wv1*!;Rv*', '0.0@V 0.1@V=1'],
    ['dirtybit6', 'Wv1*!;Rv*', '0.0@V 0.1@V=1'],
    ['dirtybit2', 'v=N;Iv;Wv1*!;Rv*', '0.0@N 0.1@N=1'],
    ['dirtybit3', 'v=N;Iv;Rv*;Wv1*!', '0.0@N=0 0.1@N'],
    ['dirtybit4', 'v=N;Iv;Rv*;Wv1*!', '0.0@N=0 0.1@N'],
    ['intelbug', 'Wv1*!;Ru', '0.0@V 0.1@U=0'],
    ['sb', 'Wu1;Rv || Wv1;Ru', '0.1=0 1.1=0'],
    ['n2', 'Wu1;Wv1 || Wu2;Ww1 || Ru;Ru || Rw;Rv', '2.0=1 2.1=2 3.0=1 3.1=0'],
  ]),
  ...shapes('forbidden', [
    ['mp', 'Wu1;Wv1 || Rv;Ru', '1.0=1 1.1=0'],
    ['n5', 'Wv1;Rv || Wv2;Rv', '0.1=2 1.1=1'],
  ]),
  ...shapes('permitted', [['ipi_ordering', 'Rv || Rv;Wv1', '0.0=1 1.0=0']]),
  ...shapes('forbidden', [
    ['sb_synonym', 'v=U;Iv;S;Wu1;Rv || Jv;Wv2;Ru', '0.0@U 0.1@U=0 1.0@U 1.1@U=0'],
    ['n5_synonym', 'v=U;Iv;S;Wu1;Rv || Jv;Wv2;Ru', '0.0@U 0.1@U=2 1.0@U 1.1@U=1'],
  ]),
  ...shapes('permitted', [
    ['sb_synonym_permit', 'v=U;Iv;S;Wu1;Rv || Jv;Wv2;Ru', '0.0@U 0.1@U=1 1.0@U 1.1@U=2'],
    ['new_sb_synonym_permit', 'v=U;Iv;S;Wu1;Rv || Jv;Wv2;Ru', '0.0@U 0.1@U=2 1.0@U 1.1@U=2'],
    ['ipi3', `v=N;Iv;S;Wu1;Ru;Rv || Jv;Ru;Wv2;Wu2`, '0.2@N 1.1@N'],
    ['ipi6', `${IPI} || Jv;Ru;Wv2*;Wu2`, '0.2@N=0 1.1@N'],
    ['ipi7', `${IPI} || Jv;Ru;Wv2*;Wu2`, '0.2@N=2 1.1@N'],
  ]),
  ...shapes('forbidden', [
    ['ipi4', `${IPI} || Jv;Ru;Wv2;Wu2`, '0.2@N 1.1@V'],
    ['ipi8', `${IPI} || Jv;Ru;Wv2*;Wu2`, '0.2@N 1.1@V'],
  ]),
  ...shapes('permitted', [['ipi5', 'v=N;Iv;S;Wu1;Ru*;Rv* || Ru;Wv2*;Wu2;Jv', '0.2@N 1.1@V']]),
]
