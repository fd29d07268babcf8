// swift-tools-version: 6.2
import PackageDescription

/// Every Swift target is built as Swift 6 with warnings as errors.
let strict: [SwiftSetting] = [.treatAllWarnings(as: .error), .enableUpcomingFeature("MemberImportVisibility")]

/// Targets in reading order; each may import only what ARCHITECTURE.md's table says, and a test reads every import.
let package = Package(
    name: "sluice",
    platforms: [.macOS(.v15)],
    products: [
        .library(name: "Sluice", targets: ["Sluice"]),
        .executable(name: "sluice", targets: ["Main"]),
    ],
    targets: [
        .target(name: "CThread"),
        .target(name: "Values", dependencies: ["CThread"], swiftSettings: strict),
        .target(name: "Reader", dependencies: ["Values"], swiftSettings: strict),
        .target(name: "Machine", dependencies: ["CThread", "Values"], swiftSettings: strict),
        .target(name: "Compiler", dependencies: ["Reader", "Machine"], swiftSettings: strict),
        .target(name: "Engine", dependencies: ["Values"], swiftSettings: strict),
        .target(name: "Runtime", dependencies: ["CThread", "Machine", "Engine"], swiftSettings: strict),
        .target(name: "Graph", dependencies: ["Reader", "Runtime"], swiftSettings: strict),
        .target(name: "Store", dependencies: ["Engine"], swiftSettings: strict),
        .target(name: "CLibrary"),
        .target(name: "CCurl", dependencies: ["CLibrary"]),
        .target(name: "CProcess"),
        .target(name: "CHTTP", dependencies: ["CLibrary"]),
        .target(name: "Server", dependencies: ["CHTTP", "Values"], swiftSettings: strict),
        .target(name: "Adapters", dependencies: ["Engine", "Values", "CCurl", "CProcess"], swiftSettings: strict),
        .target(
            name: "Inspector", dependencies: ["Values", "Reader", "Engine", "Runtime", "Graph"], swiftSettings: strict),
        .executableTarget(name: "EmbedTool", swiftSettings: strict),
        .plugin(
            name: "EmbedStdlib", capability: .buildTool(), dependencies: ["EmbedTool"], path: "Sources/EmbedStdlib"),
        .target(name: "Stdlib", path: "stdlib", swiftSettings: strict, plugins: ["EmbedStdlib"]),
        .target(
            name: "Sluice",
            dependencies: ["Compiler", "Stdlib", "Runtime", "Graph", "Store", "Adapters", "Inspector", "Server"],
            swiftSettings: strict),
        .target(name: "CEdit", dependencies: ["CLibrary"]),
        .target(
            name: "Command",
            dependencies: [
                "Values", "Reader", "Machine", "Compiler", "Engine", "Runtime", "Graph", "Adapters", "Inspector",
                "Sluice",
                "CEdit",
            ], swiftSettings: strict),
        .target(
            name: "TestSupport", dependencies: ["Values", "Engine"], path: "Tests/Support",
            exclude: ["tool_server.py"], swiftSettings: strict),
        .testTarget(
            name: "AdaptersTests", dependencies: ["Adapters", "Engine", "Reader", "Values", "TestSupport"],
            swiftSettings: strict),
        .executableTarget(name: "Main", dependencies: ["Command", "Values"], swiftSettings: strict),
        .testTarget(
            name: "ServerTests", dependencies: ["Server", "Values", "TestSupport"], swiftSettings: strict),
        .testTarget(
            name: "CommandTests", dependencies: ["Command", "Sluice", "Engine", "Values", "Reader", "TestSupport"],
            exclude: ["Mistakes"],
            swiftSettings: strict),
        .testTarget(
            name: "SluiceTests",
            dependencies: [
                "Sluice", "Store", "Adapters", "Runtime", "Graph", "Engine", "Machine", "Reader", "Values",
                "TestSupport",
            ],
            swiftSettings: strict),
        .testTarget(name: "HouseTests", dependencies: ["TestSupport"], swiftSettings: strict),
        .testTarget(name: "ValuesTests", dependencies: ["Values"], swiftSettings: strict),
        .testTarget(
            name: "ReaderTests", dependencies: ["Reader", "Values"], exclude: ["Conformance", "Snapshots"],
            swiftSettings: strict),
        .testTarget(
            name: "GraphTests", dependencies: ["Graph", "Compiler", "Runtime", "Engine", "Stdlib"],
            exclude: ["Snapshots"],
            swiftSettings: strict),
        .testTarget(name: "MachineTests", dependencies: ["Machine", "Values"], swiftSettings: strict),
        .testTarget(
            name: "CompilerTests", dependencies: ["Compiler", "Machine", "Reader", "Values"], swiftSettings: strict),
        .testTarget(name: "RuntimeTests", dependencies: ["Runtime", "Machine", "Engine"], swiftSettings: strict),
        .testTarget(name: "EngineTests", dependencies: ["Engine", "Values", "TestSupport"], swiftSettings: strict),
        .testTarget(
            name: "LanguageTests", dependencies: ["Sluice", "Stdlib", "Engine", "Machine", "Reader", "Values"],
            exclude: ["cases", "clojure-core.txt", "Fixtures"],
            swiftSettings: strict),
        .testTarget(
            name: "InspectorTests", dependencies: ["Inspector", "Engine", "Reader", "Values"], swiftSettings: strict),
        .testTarget(
            name: "StoreTests", dependencies: ["Store", "Engine", "Values", "TestSupport"], swiftSettings: strict),
    ]
)

// Only `make fuzz` builds this. Library targets alone are instrumented: `-sanitize=fuzzer` leaves out the entry point, which
// the build's own tool needs.
if Context.environment["SLUICE_FUZZ"] != nil {
    let instrumented: [SwiftSetting] = [.unsafeFlags(["-sanitize=fuzzer", "-assert-config", "Debug"])]
    for target in package.targets where target.type == .regular {
        target.swiftSettings = (target.swiftSettings ?? []) + instrumented
    }
    package.targets.append(
        .executableTarget(
            name: "Fuzz", dependencies: ["Values", "Reader", "Machine", "Engine", "Sluice"], path: "Tests/Fuzz",
            exclude: ["run", "tokens.dict"], swiftSettings: strict,
            linkerSettings: [.unsafeFlags(["-sanitize=fuzzer", "-use-ld=lld"])]))
}
