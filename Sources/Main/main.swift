//! Main: the process. Arguments come in, an exit code goes out.
import Command

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

// Where no standard input was given, the next file that is opened would be taken for it.
if fcntl(0, F_GETFD) < 0 { _ = open("/dev/null", O_RDONLY) }

exit(CommandLineTool(driver: SessionDriver()).main(Array(CommandLine.arguments.dropFirst())))
