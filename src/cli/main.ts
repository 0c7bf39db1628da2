#!/usr/bin/env node
/**
 * The command. Compiled code is kept between runs where Node can (22.1 and later): most of a small run is compiling. The cache
 * has to be on before anything else is loaded, so everything else is.
 */
import module from 'node:module'

module.enableCompileCache?.()
const { main } = await import('./program.ts')
process.exitCode = await main(process.argv)
