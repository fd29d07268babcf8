import Command

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

exit(CommandLineTool(driver: PendingDriver()).main(Array(CommandLine.arguments.dropFirst())))
