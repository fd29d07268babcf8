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
        .target(name: "Machine", dependencies: ["Values"], swiftSettings: strict),
        .target(name: "Compiler", dependencies: ["Reader", "Machine"], swiftSettings: strict),
        .target(name: "Engine", dependencies: ["Values"], swiftSettings: strict),
        .target(name: "Runtime", dependencies: ["CThread", "Machine", "Engine"], swiftSettings: strict),
        .target(name: "Graph", dependencies: ["Runtime"], swiftSettings: strict),
        .target(name: "Store", dependencies: ["Engine"], swiftSettings: strict),
        .target(name: "Adapters", dependencies: ["Engine"], swiftSettings: strict),
        .target(name: "Inspector", dependencies: ["Runtime", "Graph"], swiftSettings: strict),
        .target(
            name: "Sluice",
            dependencies: ["Compiler", "Graph", "Store", "Adapters", "Inspector"],
            swiftSettings: strict),
        .target(name: "Command", dependencies: ["Sluice"], swiftSettings: strict),
        .executableTarget(name: "Main", dependencies: ["Command"], swiftSettings: strict),
        .testTarget(name: "RuntimeTests", dependencies: ["Runtime", "Machine", "Engine"], swiftSettings: strict),
        .testTarget(name: "EngineTests", dependencies: ["Engine"], swiftSettings: strict),
        .testTarget(name: "StoreTests", dependencies: ["Store"], swiftSettings: strict),
    ]
)
