/** CPUs that were taken for interchangeable are not: the search starts again without symmetry, and the verdict says why. */
export class Asymmetry extends Error {}
