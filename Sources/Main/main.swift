//! Main: the process. Arguments come in, an exit code goes out.
import Command

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

exit(CommandLineTool(driver: SessionDriver()).main(Array(CommandLine.arguments.dropFirst())))
