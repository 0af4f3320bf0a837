"""What every function of the usual stack begins with."""

import os

import boto3
from aws_lambda_powertools import Logger, Metrics, Tracer

logger = Logger()
tracer = Tracer()
metrics = Metrics()

dynamodb = boto3.resource("dynamodb")
platform_table = dynamodb.Table(os.environ["PLATFORM_TABLE"])
