//! Main: the process. Arguments come in, an exit code goes out.
import Command
import Values

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

LargePages.use()
exit(CommandLineTool(driver: SessionDriver()).main(Array(CommandLine.arguments.dropFirst())))
